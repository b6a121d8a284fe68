import { subscribe } from "fanfare";
import { pipeline } from "./generated/typescript/index.js";

async function token(): Promise<string> {
  const response = await fetch("/runs/run_42/token");
  if (!response.ok) throw new Error(await response.text());
  return response.text();
}

const subscription = await subscribe({
  channel: pipeline({ runId: "run_42" }),
  topics: ["status"],
  token,
  onError: console.error, // the client keeps trying
  onGap: (gap) => console.warn("missed messages", gap),
});
void fetch("/runs/run_42", { method: "POST" });
for await (const message of subscription) {
  const { message: text, progress } = message.data; // typed and validated
  document.querySelector("#status")!.textContent = `${text} (${progress}%)`;
}
