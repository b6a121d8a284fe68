import { env } from "$env/dynamic/private";
import { maySee } from "$lib/auth";
import { pipeline } from "$lib/generated/index.js";
import { createRealtime } from "fanfare/server";

export async function GET({ request, params }: { request: Request; params: { runId: string } }) {
  const { runId } = params;
  if (!(await maySee(request, runId))) return new Response("you may not see this run", { status: 403 });
  const realtime = createRealtime({ apiBaseUrl: env["FANFARE_URL"] ?? "", signingKey: env["FANFARE_SIGNING_KEY"] });
  const token = await realtime.token(pipeline({ runId }), { topics: ["status"], expiresInSeconds: 600 });
  return new Response(token, { headers: { "Cache-Control": "no-store" } });
}
