import { pipeline } from "../generated/typescript/index.js";
import type { PipelineStatus } from "../generated/typescript/index.js";
import { Progress } from "../Progress";

const initial: PipelineStatus = { message: "Waiting", progress: 0 };

export default function Page() {
  return (
    <main title={pipeline({ runId: "run_42" }).name} lang={initial.message}>
      <Progress runId="run_42" />
    </main>
  );
}
