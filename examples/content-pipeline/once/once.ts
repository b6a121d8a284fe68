// Summarises one text and checks every message that arrives. Usage: once.ts <server's URL>

import { subscribe } from "fanfare";
import { WebSocket } from "ws";
import { pipeline } from "../../../generated/typescript/pipeline.js";
import { RunCheck } from "./check.js";

const TIME_LIMIT_MS = 60_000;
const TOPICS = ["status", "insights", "tokens", "result"] as const;

async function main(server: string | undefined): Promise<void> {
  if (server === undefined) {
    throw new Error("Give the server's URL: once.ts http://127.0.0.1:3000");
  }
  const { runId } = await ask<{ runId: string }>(`${server}/runs`, { method: "POST" });
  const check = new RunCheck();
  const subscription = await subscribe({
    channel: pipeline({ runId }),
    topics: TOPICS,
    token: () => ask<{ token: string }>(`${server}/token?run=${runId}`),
    apiBaseUrl: server,
    WebSocket,
    onInvalid: (error: Error) => check.problems.push(error.message),
    onGap: () => check.problems.push("messages were lost: the history no longer holds them"),
  });
  for await (const message of subscription) {
    console.log(`  ${message.topic.padEnd(8)} ${JSON.stringify(message.data)}`);
    check.take(message);
    if (message.topic === "result") {
      break;
    }
  }
  const problems = check.verdict();
  if (problems.length > 0) {
    throw new Error(problems.join("\n  "));
  }
  console.log(`  ${check.count} messages, every one valid, none missing.`);
}

async function ask<Answer>(url: string, init?: RequestInit): Promise<Answer> {
  const response = await fetch(url, init);
  if (!response.ok) {
    throw new Error(`${url} answered ${response.status}: ${await response.text()}`);
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
