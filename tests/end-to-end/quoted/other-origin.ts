import { subscribe } from "fanfare";
import { pipeline } from "./generated/typescript/index.js";

export const subscription = await subscribe({
  channel: pipeline({ runId: "run_42" }),
  apiBaseUrl: "https://rt.example.com",
  token: () => fetch("https://rt.example.com/runs/run_42/token").then((response) => response.text()),
});
