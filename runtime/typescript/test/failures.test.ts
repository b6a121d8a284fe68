import { afterEach, beforeEach, expect, it } from "vitest";
import { WebSocket } from "ws";
import { subscribe } from "../src/index.js";
import { pipeline } from "./pipeline.js";
import { TestServer, tokenFor } from "./server.js";

const channel = pipeline({ runId: "run_42" });
const token = tokenFor(channel.name, ["status", "tokens", "total"]);
let server: TestServer;

beforeEach(async () => {
  server = await TestServer.start();
});
afterEach(() => server.stop());

function basics() {
  const speed = { reconnectMinMs: 5, reconnectMaxMs: 20 };
  return { channel, token, apiBaseUrl: server.url, WebSocket, ...speed } as const;
}

it("a failure names the URL that was tried, with its path and without the token", async () => {
  const apiBaseUrl = `${server.url}/api/`;
  server.refusals = 1;
  const attempt = subscribe({ ...basics(), apiBaseUrl, since: "start", reconnect: false });
  await expect(attempt).rejects.toThrow(
    `Could not subscribe at ${server.url.replace("http", "ws")}/api/v1/realtime/connect: `,
  );
  await expect(attempt).rejects.not.toThrow(token);
});
