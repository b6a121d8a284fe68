import { subscribe } from "fanfare";
import { createRealtime } from "fanfare/server";
import { createTestHub } from "fanfare/testing";
import { pipeline } from "INDEX";

const realtime = createRealtime({ apiBaseUrl: "http://127.0.0.1:3000", signingKey: process.env["FANFARE_SIGNING_KEY"] ?? "" });

export async function report(runId: string): Promise<string> {
  await realtime.publish(pipeline({ runId }).status, { message: "Splitting", progress: 0 });
  await subscribe({ channel: pipeline({ runId }), token: "a.b.c", onMessage: ({ data }) => console.log(data.message) });
  return realtime.token(pipeline({ runId }), { topics: ["status"], expiresInSeconds: 600 });
}

createTestHub().close();
