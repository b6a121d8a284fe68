// server.ts
"use server";
import { createRealtime } from "fanfare/server";
import { pipeline } from "./generated/typescript/index.js";

const { FANFARE_URL = "", FANFARE_SIGNING_KEY = "" } = process.env;
const realtime = createRealtime({ apiBaseUrl: FANFARE_URL, signingKey: FANFARE_SIGNING_KEY });

export async function report(runId: string, progress: number) {
  await realtime.publish(pipeline({ runId }).status, { message: "Writing", step: "write", progress });
}

export async function fetchToken(runId: string) {
  return realtime.getClientSubscriptionToken({ channel: pipeline({ runId }), topics: ["status"] });
}
