// server.ts
"use server";
import { Inngest } from "inngest";
import { getClientSubscriptionToken } from "inngest/react";
import { pipeline } from "./channels.js";

const inngest = new Inngest({
  id: "summaries",
  baseUrl: process.env.FANFARE_URL,
  signingKey: process.env.FANFARE_SIGNING_KEY,
});

export async function report(runId: string, progress: number) {
  const { status } = pipeline({ runId });
  await inngest.realtime.publish(status, { message: "Writing", step: "write", progress });
}

export async function fetchToken(runId: string) {
  return getClientSubscriptionToken(inngest, { channel: pipeline({ runId }), topics: ["status"] });
}
