import { createHash } from "node:crypto";
import { subscribe as subscribeWithFanfare } from "fanfare";
import { Inngest } from "inngest";
import { getClientSubscriptionToken } from "inngest/react";
import { getSubscriptionToken, subscribe } from "inngest/realtime";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { pipeline } from "../../generated/typescript/pipeline.js";
import { quick } from "../end-to-end/support/listen.js";
import { claimsOf, forge } from "../end-to-end/support/raw.js";
import { Server } from "../end-to-end/support/server.js";
import { until } from "../end-to-end/support/wait.js";
import { appOf, recording } from "./support/app.js";
import { follow } from "./support/follow.js";

const ANOTHER_KEY = "signkey-test-ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff";

const channel = pipeline({ runId: "run_1" });

let server: Server;
let app: ReturnType<typeof appOf>;

beforeAll(async () => {
  server = await Server.start();
  app = appOf(server);
});

afterAll(() => server.stop());

test("each of the SDK's three functions returns a token for the topics", async () => {
  const topics = ["status", "tokens"] as ("status" | "tokens")[];
  const made = await getSubscriptionToken(app, { channel, topics });
  const ofClient = await getClientSubscriptionToken(app, { channel, topics });
  const ofApp = await app.realtime.token({ channel, topics });
  expect(made).toMatchObject({ channel, topics, apiBaseUrl: `${server.url}` });
  expect(Object.keys(ofClient).sort()).toEqual(["apiBaseUrl", "key"]);
  for (const key of [made.key, ofClient.key, ofApp.key]) {
    const claims = claimsOf(key ?? "");
    expect(claims).toMatchObject({
      iss: expect.stringMatching(/^fanfare:[0-9a-f]{16}$/u) as string,
      topics: topics.map((name) => ({ kind: "run", channel: "pipeline:run_1", name })),
    });
    expect(claims["publish"] ?? false).toBe(false);
    expect(Number(claims["exp"]) - Number(claims["iat"])).toBe(60);
  }
});

test("the server accepts the hash of the signing key, which the SDK sends", async () => {
  const { fetch, sent } = recording();
  await appOf(server, { fetch }).realtime.token({ channel, topics: ["status"] });
  const prefix = "signkey-test-";
  const bytes = Buffer.from(server.signingKey.slice(prefix.length), "hex");
  const hash = createHash("sha256").update(bytes).digest("hex");
  expect(sent).toEqual([{ path: "/v1/realtime/token", authorization: `Bearer ${prefix}${hash}`, status: 201 }]);
});

test("after an unknown key, the SDK uses its fallback key", async () => {
  const { fetch, sent } = recording();
  const rotated = appOf(server, { fetch, signingKey: ANOTHER_KEY, signingKeyFallback: server.signingKey });
  const stream = await rotated.realtime.subscribe({ channel: pipeline({ runId: "run_rotated" }), topics: ["tokens"] });
  await rotated.realtime.publish(pipeline({ runId: "run_rotated" }).tokens, { index: 0, text: "still here" });
  const { value: message } = await stream.getReader().read();
  expect(message?.data).toEqual({ index: 0, text: "still here" });
  expect(sent.map(({ path, status }) => `${path} ${status}`)).toEqual([
    "/v1/realtime/token 401",
    "/v1/realtime/token 201",
    "/v1/realtime/publish 401",
    "/v1/realtime/publish 200",
  ]);
  stream.close();
});

test("without a known key, the SDK reports that it gets no token", async () => {
  const wrong = appOf(server, { signingKey: ANOTHER_KEY });
  const refused = "401 Unauthorized - {\"error\":\"Not authenticated: send a valid signing key or token\"";
  await expect(wrong.realtime.token({ channel, topics: ["status"] })).rejects.toThrow(refused);
  const none = new Inngest({ id: "app", baseUrl: server.url });
  await expect(none.realtime.token({ channel, topics: ["status"] })).rejects.toThrow("401 Unauthorized");
});

test("no token is issued for an unknown channel or topic", async () => {
  const unknown = [["other:run_1", "status"], ["pipeline:run_1", "other"], ["pipeline:RUN", "status"]] as const;
  for (const [name, topic] of unknown) {
    await expect(app.realtime.token({ channel: name, topics: [topic] })).rejects.toThrow("404 Not Found");
  }
});

test("an altered, expired or foreign token is refused", async () => {
  const { key = "" } = await app.realtime.token({ channel, topics: ["status"] });
  const claims = claimsOf(key);
  const header = { alg: "HS256", typ: "JWT" };
  const [head = "", , signature = ""] = key.split(".");
  const alter = (changes: object) =>
    [head, Buffer.from(JSON.stringify({ ...claims, ...changes })).toString("base64url"), signature].join(".");
  const secret = [{ kind: "run", channel: "pipeline:run_secret", name: "status" }];
  const refused = {
    "other topics": alter({ topics: secret }),
    "a longer lifetime": alter({ exp: Number(claims["exp"]) + 3600 }),
    "permission to publish": alter({ publish: true }),
    "no signature": forge({ ...header, alg: "none" }, claims, undefined),
    "another key": forge(header, claims, { key: ANOTHER_KEY }),
    "the past": forge(header, { ...claims, exp: Math.floor(Date.now() / 1000) - 1 }, { key: server.signingKey }),
    "the signing key itself": server.signingKey,
  };
  const logged = vi.spyOn(console, "error").mockReturnValue();
  for (const [what, altered] of Object.entries(refused)) {
    const subscribed = subscribe({ channel, topics: ["status"], key: altered, apiBaseUrl: server.url });
    await expect(subscribed, what).rejects.toBeDefined();
  }
  expect(logged).toHaveBeenCalledTimes(Object.keys(refused).length);
  logged.mockRestore();
});

test("a token for another channel delivers nothing to the SDK, and Fanfare's client reports an error", async () => {
  const { key = "" } = await app.realtime.token({ channel, topics: ["status"] });
  const other = pipeline({ runId: "run_other" });
  const stream = await subscribe({ channel: other, topics: ["status"], key, apiBaseUrl: server.url });
  const guest = follow(stream);
  const own = follow(await app.realtime.subscribe({ channel: other, topics: ["status"] }));
  await server.status("run_other", "Not for this token");
  await server.status("run_1", "Not for this channel");
  await own.count(1);
  expect(guest.messages).toEqual([]);
  stream.close();
  const options = { ...quick, channel: other, token: key, apiBaseUrl: server.url };
  await expect(subscribeWithFanfare({ ...options, topics: ["status"] })).rejects.toThrow(/pipeline:run_other/u);
});

test("the SDK's stream ends when its token expires", async () => {
  const key = await server.token("run_1", 3);
  const guest = follow(await subscribe({ channel, topics: ["status"], key, apiBaseUrl: server.url }));
  await until("the stream has ended", () => guest.hasEnded);
});
