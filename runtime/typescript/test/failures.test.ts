import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { WebSocket } from "ws";
import { subscribe } from "../src/index.js";
import { pipeline } from "./pipeline.js";
import { TestServer, tokenFor, until } from "./server.js";

const channel = pipeline({ runId: "run_42" });
const token = tokenFor(channel.name, ["status", "tokens", "total"]);
let server: TestServer;

beforeEach(async () => {
  server = await TestServer.start();
});
afterEach(async () => {
  vi.restoreAllMocks();
  await server.stop();
});

function basics() {
  const speed = { reconnectMinMs: 5, reconnectMaxMs: 20 };
  return { channel, token, apiBaseUrl: server.url, WebSocket, ...speed } as const;
}

it("an error names the URL with its path, without the token", async () => {
  const apiBaseUrl = `${server.url}/api/`;
  server.refusedHandshakes = 1;
  server.refusesStreams = true;
  const attempt = subscribe({ ...basics(), apiBaseUrl, since: "start", reconnect: false });
  await expect(attempt).rejects.toThrow(
    `Could not connect to ${server.url.replace("http", "ws")}/api/v1/realtime/connect ` +
      `(Unexpected server response: 401) or to ${server.url}/api/v1/realtime/sse (503 no streams today)`,
  );
  await expect(attempt).rejects.not.toThrow(token);
});

it("the delay grows against a server that closes every connection at once", async () => {
  server.isFickle = true;
  // The shortest delays.
  vi.spyOn(Math, "random").mockReturnValue(0);
  const begun = performance.now();
  const subscription = await subscribe({ ...basics(), reconnectMinMs: 600, reconnectMaxMs: 60_000 });
  await until(() => server.sinces.length === 4);
  // 300, 600 and 1,200 ms. Without backoff, 300 each time.
  expect(performance.now() - begun).toBeGreaterThan(2_000);
  subscription.close();
});

describe("without a handler, the console", () => {
  let warnings: string[];

  beforeEach(() => {
    warnings = [];
    vi.spyOn(console, "warn").mockImplementation((text: string) => void warnings.push(text));
  });

  it("receives each retried failure once", async () => {
    let calls = 0;
    server.refusals = 3;
    const subscription = await subscribe({
      ...basics(),
      token: () => {
        calls += 1;
        if (calls < 4) {
          throw new Error("the session has ended");
        }
        return token;
      },
    });
    expect(calls).toBe(7);
    expect(warnings).toEqual([
      'fanfare: The `token` function failed: the session has ended (channel "pipeline:run_42")',
      'fanfare: Could not subscribe to the channel "pipeline:run_42": the token is not valid ' +
        '(unauthorized) (channel "pipeline:run_42")',
    ]);
    server.send("no JSON");
    await until(() => warnings.length === 3);
    expect(warnings[2]).toMatch(/^fanfare: The server sent a frame that is not JSON/);
    subscription.close();
  });

  it("receives a wrong port while subscribe is pending", async () => {
    const controller = new AbortController();
    const abortSignal = controller.signal;
    const attempt = subscribe({ ...basics(), abortSignal, apiBaseUrl: "http://127.0.0.1:1" });
    await until(() => warnings.length > 0);
    expect(warnings).toEqual([
      expect.stringMatching(/^fanfare: Could not connect to ws:\/\/127\.0\.0\.1:1\/v1\/realtime\/connect \(/),
    ]);
    controller.abort();
    await expect(attempt).rejects.toThrow(/abort/);
  });

  it("receives a drift once, across reconnects and subscriptions", async () => {
    server.fingerprint = "new";
    const subscriptions = [await subscribe(basics()), await subscribe(basics())];
    server.cut();
    await until(() => server.subscriptions === 2 && server.handshakes === 2);
    expect(warnings).toEqual([
      'fanfare: this page and the server were generated from different definitions of the channel "pipeline:run_42" ' +
        "(9f2c here, new there). Generate both from the same one, or record definitions with `fanfare release`, so that " +
        "servers and pages can tell which changes break a page",
    ]);
    for (const subscription of subscriptions) {
      subscription.close();
    }
  });

  it("receives what breaks a page of an earlier release", async () => {
    server.fingerprint = "changed";
    const changes = [{ topic: "status", message: "it has changed" }, { signal: "approve", message: "it is gone" }, { message: "other" }];
    server.drift = { kind: "breaking", changes };
    const subscription = await subscribe(basics());
    expect(warnings).toEqual([
      'fanfare: a new version of this page is available: reload it. The channel "pipeline:run_42" has changed: ' +
        'topic "status": it has changed; signal "approve": it is gone; other',
    ]);
    subscription.close();
  });

  it("receives nothing if there are handlers", async () => {
    const errors: unknown[] = [];
    server.fingerprint = "newer";
    server.refusals = 1;
    const subscription = await subscribe({
      ...basics(),
      token: () => token,
      onError: (error) => void errors.push(error),
      onDrift: (drift) => void errors.push(drift),
    });
    expect(errors).toHaveLength(2);
    expect(warnings).toEqual([]);
    subscription.close();
  });
});
