import { visitor } from "./visitor.js";

/** Starts a run that summarises `text`, or the server's own text, and returns its id. */
export async function startRun(text?: string): Promise<string> {
  const response = await fetch("/runs", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ text }),
  });
  const { runId } = (await successful(response).then((answer) => answer.json())) as { runId: string };
  return runId;
}

/** Returns a token for a run's channel with the visitor's name, or for the system channel if there is no run. */
export async function fetchToken(runId?: string): Promise<string> {
  const query = new URLSearchParams(runId === undefined ? {} : { run: runId, visitor });
  const response = await successful(await fetch(`/token?${query.toString()}`));
  const { token } = (await response.json()) as { token: string };
  return token;
}

async function successful(response: Response): Promise<Response> {
  if (response.ok) {
    return response;
  }
  throw new Error((await response.text()) || `The server returned ${response.status}`);
}
