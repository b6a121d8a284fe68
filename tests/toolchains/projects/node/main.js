import { subscribe } from "fanfare";
import { pipeline } from "./generated/typescript/index.js";

const subscription = await subscribe({
  channel: pipeline({ runId: "run_42" }),
  token: "a.test.token",
  apiBaseUrl: "http://127.0.0.1:3000",
});
for await (const { data } of subscription) {
  console.log(`${data.message} (${data.progress}%)`);
  break;
}
