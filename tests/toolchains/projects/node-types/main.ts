import { subscribe } from "fanfare";
import { pipeline, type PipelineStatus } from "./generated/typescript/index.ts";

const subscription = await subscribe({
  channel: pipeline({ runId: "run_42" }),
  token: "a.test.token",
  apiBaseUrl: "http://127.0.0.1:3000",
});
for await (const { data } of subscription) {
  const { message, progress }: PipelineStatus = data;
  console.log(`${message} (${progress}%)`);
  break;
}
