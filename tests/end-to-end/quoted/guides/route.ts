import { pipeline } from "@/generated/index.js";
import { maySee } from "@/lib/auth";
import { createRealtime } from "fanfare/server";

export async function GET(request: Request, { params }: { params: Promise<{ runId: string }> }) {
  const { runId } = await params;
  if (!(await maySee(request, runId))) return new Response("you may not see this run", { status: 403 });
  const realtime = createRealtime({
    apiBaseUrl: process.env["FANFARE_URL"] ?? "http://127.0.0.1:3001",
    signingKey: process.env["FANFARE_SIGNING_KEY"],
  });
  const token = await realtime.token(pipeline({ runId }), { topics: ["status"], expiresInSeconds: 600 });
  return new Response(token, { headers: { "Cache-Control": "no-store" } });
}
