import { subscribe, type TokenInput } from "fanfare";
import { pipeline } from "./generated/typescript/index.js";

export async function follow(runId: string, token: TokenInput, show: (message: unknown) => void) {
  const channel = pipeline({ runId });
  const subscription = await subscribe({ channel, token, since: localStorage.getItem("position") ?? "now" });
  for await (const message of subscription) {
    await show(message);
    localStorage.setItem("position", subscription.position);
  }
}

export async function read(runId: string, token: TokenInput, show: (chunk: string) => void) {
  const channel = pipeline({ runId });
  for await (const message of await subscribe({ channel, topics: ["draft"], token })) {
    for await (const chunk of message.data) show(chunk); // message.data: ReadableStream<string>
  }
}
