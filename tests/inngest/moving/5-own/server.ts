// server.ts
"use server";
import { type PipelineStatus, pipeline } from "./generated/typescript/index.js";

const server = process.env.FANFARE_URL;

export async function report(runId: string, progress: number) {
  const { channel, topic } = pipeline({ runId }).status;
  const payload: PipelineStatus = { message: "Writing", step: "write", progress };
  await post(`publish?${new URLSearchParams({ channel, topic })}`, payload);
}

export async function fetchToken(runId: string) {
  const { channel, topic } = pipeline({ runId }).status;
  const answer = await post("token", [{ channel, name: topic, kind: "run" }]);
  const { jwt } = (await answer.json()) as { jwt: string };
  return { key: jwt, apiBaseUrl: server };
}

async function post(path: string, body: unknown) {
  const headers = { authorization: `Bearer ${process.env.FANFARE_KEY}` };
  const answer = await fetch(`${server}/v1/realtime/${path}`, { method: "POST", headers, body: JSON.stringify(body) });
  if (!answer.ok) throw new Error(await answer.text());
  return answer;
}
