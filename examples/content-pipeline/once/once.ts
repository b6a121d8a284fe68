// Starts one run, approves the draft, and checks all messages. Usage: once.ts <URL of the server>

import { send, subscribe } from "fanfare";
import { WebSocket } from "ws";
import { pipeline } from "../../../generated/typescript/pipeline.js";
import { RunCheck } from "./check.js";

const TIME_LIMIT_MS = 60_000;
const TOPICS = ["status", "insights", "draft", "summary"] as const;
const VISITOR = "Ada";

async function main(server: string | undefined): Promise<void> {
  if (server === undefined) {
    throw new Error("missing the URL of the server, for example: once.ts http://127.0.0.1:3000");
  }
  const { runId } = await ask<{ runId: string }>(`${server}/runs`, { method: "POST" });
  const channel = pipeline({ runId });
  const token = () => ask<{ token: string }>(`${server}/token?run=${runId}&visitor=${VISITOR}`);
  const check = new RunCheck(VISITOR);
  const over = new AbortController();
  const subscription = await subscribe({
    channel,
    topics: TOPICS,
    token,
    apiBaseUrl: server,
    WebSocket,
    since: "start",
    abortSignal: over.signal,
    onInvalid: (error: Error) => check.problems.push(error.message),
    onGap: () => check.problems.push("received a gap: the history no longer has all messages"),
    onRun: (update) => {
      print("run", update.result ?? update.runError ?? update.status);
      check.ran(update);
      if (update.status !== "running") {
        over.abort();
      }
    },
  });
  for await (const message of subscription) {
    check.take(message);
    if (message.topic !== "draft") {
      print(message.topic, message.data);
      continue;
    }
    const draft = await textOf(message.data);
    print("draft", draft);
    check.drafted(draft);
    await send(channel.approve, { verdict: "approve" }, { token, apiBaseUrl: server });
  }
  const problems = check.verdict();
  if (problems.length > 0) {
    throw new Error(problems.join("\n  "));
  }
  console.log(`  Received ${check.count} messages: all valid, none missing.`);
}

async function textOf(draft: ReadableStream<string>): Promise<string> {
  let text = "";
  for await (const piece of draft) {
    text += piece;
  }
  return text;
}

function print(topic: string, data: unknown): void {
  console.log(`  ${topic.padEnd(8)} ${JSON.stringify(data)}`);
}

async function ask<Answer>(url: string, init?: RequestInit): Promise<Answer> {
  const response = await fetch(url, init);
  if (!response.ok) {
    throw new Error(`${url} returned ${response.status}: ${await response.text()}`);
  }
  return (await response.json()) as Answer;
}

const tooLate = setTimeout(() => fail(`no result after ${TIME_LIMIT_MS / 1000} s`), TIME_LIMIT_MS);

function fail(reason: string): never {
  console.error(`  ${reason}`);
  process.exit(1);
}

main(process.argv[2]).then(
  () => clearTimeout(tooLate),
  (error: unknown) => fail(error instanceof Error ? error.message : String(error)),
);
