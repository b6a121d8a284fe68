import { subscribe } from "fanfare";
import { pipeline } from "./generated/typescript/index.js";

export const subscription = await subscribe({
  channel: pipeline({ runId: "run_42" }),
  apiBaseUrl: "https://rt.example.com",
  token: fetchToken,
});

async function fetchToken(): Promise<string> {
  const response = await fetch("https://rt.example.com/runs/run_42/token");
  if (!response.ok) throw new Error(await response.text());
  return response.text();
}
