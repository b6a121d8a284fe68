import { subscribe } from "fanfare";
import { pipeline } from "../../../generated/typescript/index.js";

export const dynamic = "force-dynamic";

/** Returns the latest status of a run, as a backend of a Next.js application would look it up. */
export async function GET(): Promise<Response> {
  const subscription = await subscribe({
    channel: pipeline({ runId: "run_42" }),
    topics: ["status"],
    token: "a.test.token",
    apiBaseUrl: "http://127.0.0.1:3000",
  });
  for await (const message of subscription) return Response.json(message.data);
  return new Response("the subscription ended", { status: 502 });
}
