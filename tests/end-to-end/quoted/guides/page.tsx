import { Progress } from "./progress";

export default async function Page({ params }: { params: Promise<{ runId: string }> }) {
  const { runId } = await params;
  return <Progress runId={runId} />;
}
