// server.ts
"use server";
import { Inngest } from "inngest";
import { getClientSubscriptionToken } from "inngest/react";
import { type PipelineStatus, pipeline } from "./generated/typescript/index.js";

const inngest = new Inngest({
  id: "summaries",
  baseUrl: process.env.FANFARE_URL,
  signingKey: process.env.FANFARE_SIGNING_KEY,
});

export async function report(runId: string, progress: number) {
  const { status } = pipeline({ runId });
  const payload: PipelineStatus = { message: "Writing", step: "write", progress };
  await inngest.realtime.publish(status, payload);
}

export async function fetchToken(runId: string) {
  return getClientSubscriptionToken(inngest, { channel: pipeline({ runId }), topics: ["status"] });
}
