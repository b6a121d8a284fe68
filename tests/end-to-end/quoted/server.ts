import { createRealtime } from "fanfare/server";
import { pipeline } from "./generated/typescript/index.js";

const realtime = createRealtime({ apiBaseUrl: "http://127.0.0.1:3000", signingKey: process.env["FANFARE_SIGNING_KEY"] ?? "" });

export async function report(runId: string, text: ReadableStream<string>) {
  await realtime.publish(pipeline({ runId }).status, { message: "Splitting", step: "split", progress: 0 });
  await realtime.publish(pipeline({ runId }).draft, text); // or a string, or an AsyncIterable
  await realtime.send(pipeline({ runId }).approve, { verdict: "approve" }); // as a page does, with the signing key
}

export async function tokenFor(runId: string, user: string, login: string) {
  return realtime.token(pipeline({ runId }), {
    topics: ["status"],
    signals: ["approve"],
    expiresInSeconds: 600,
    subject: user, // the sender of the signals that it sends
    id: login,
  });
}

export async function signOut(login: string) {
  await realtime.revoke(login); // ends all tokens with this id, and what they opened
}
