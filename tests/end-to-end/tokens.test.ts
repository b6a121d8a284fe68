import { ConnectionError, subscribe } from "fanfare";
import { afterAll, beforeAll, expect, test } from "vitest";
import { listen, quick } from "./support/listen.js";
import { Proxy } from "./support/proxy.js";
import { claimsOf, connect, forge } from "./support/raw.js";
import { Server } from "./support/server.js";
import { pause, range, until } from "./support/wait.js";

const HS256 = { alg: "HS256", typ: "JWT" };

let server: Server;

beforeAll(async () => {
  server = await Server.start();
});

afterAll(() => server.stop());

test("a forged, altered, expired or unsuitable token is refused, and the response does not reveal the reason", async () => {
  const valid = await server.token("run_secret");
  const claims = claimsOf(valid);
  const [header = "", body = "", signature = ""] = valid.split(".");
  const sign = { key: server.signingKey };
  const seconds = Math.floor(Date.now() / 1000);
  const altered = Buffer.from(JSON.stringify({ ...claims, exp: seconds + 9999 })).toString("base64url");
  const refused: Record<string, string> = {
    "no algorithm": forge({ ...HS256, alg: "none" }, claims, undefined),
    "no algorithm, with its signature": `${forge({ ...HS256, alg: "none" }, claims, undefined)}${signature}`,
    "None": forge({ ...HS256, alg: "None" }, claims, undefined),
    "another algorithm": forge({ ...HS256, alg: "HS512" }, claims, { ...sign, hash: "sha512" }),
    "another key": forge(HS256, claims, { key: "signkey-test-ffffffffffffffffffffffffffffffff" }),
    "the empty key": forge(HS256, claims, { key: "" }),
    "no signature": `${header}.${body}.`,
    "claims altered": `${header}.${altered}.${signature}`,
    "expired": forge(HS256, { ...claims, exp: seconds }, sign),
    "longer than tokens may last": forge(HS256, { ...claims, exp: seconds + 90_000 }, sign),
    "made in the future": forge(HS256, { ...claims, iat: seconds + 60, exp: seconds + 120 }, sign),
    "for another audience": forge(HS256, { ...claims, aud: "https://example.com" }, sign),
    "without end": forge(HS256, { ...claims, exp: undefined }, sign),
    "not yet valid": forge(HS256, { ...claims, nbf: seconds + 60 }, sign),
    "another issuer": forge(HS256, { ...claims, iss: "someone else" }, sign),
    "without topics": forge(HS256, { ...claims, topics: [] }, sign),
    "for publishing": await server.publishToken("run_secret"),
    "the signing key itself": server.signingKey,
    "nonsense": "nonsense",
  };
  await server.status("run_secret", "secret");
  const answers = await Promise.all(Object.values(refused).map((token) => connect(server.url, { token })));
  // A client without the subprotocol `fanfare.v1` cannot send a token later.
  const absent = await connect(server.url, { protocols: [] });
  await server.status("run_secret", "secret");
  Object.keys(refused).forEach((what, index) => expect(answers[index]?.status, what).toBe(401));
  expect(new Set([absent, ...answers].map(({ body }) => body)).size).toBe(1);
  expect(answers.flatMap(({ frames }) => frames)).toEqual([]);

  // A forged token without any of these flaws is accepted.
  const forged = await connect(server.url, { token: forge(HS256, claims, sign) });
  await until("what is retained has come", () => forged.frames.some((frame) => frame.includes("secret")));
  forged.close();
});

test("a token grants only its own channel and topics, whatever the client requests", async () => {
  const response = await server.mint([{ channel: "pipeline:run_mine", name: "status", kind: "run" }]);
  const { jwt } = (await response.json()) as { jwt: string };
  await server.tokens("run_mine", { count: 3 });
  await server.status("run_other", "secret");
  const since = JSON.stringify({ "pipeline:run_other": "start", "pipeline:run_mine": "start" });
  const query = { since, channel: "pipeline:run_other", topics: "tokens" };
  const connected = await connect(server.url, { token: jwt, query });
  await server.tokens("run_mine", { from: 3, count: 3 });
  await server.status("run_other", "secret");
  await server.status("run_mine", "mine");
  await until("the granted message has come", () => connected.frames.some((frame) => frame.includes('"message":"mine"')));
  const frames = connected.frames.map((text) => JSON.parse(text) as Readonly<Record<string, unknown>>);
  // `caught-up` may precede or follow a new message.
  const others = frames.filter((frame) => frame["kind"] !== "caught-up");
  expect(others.map((frame) => [frame["kind"], frame["channel"], frame["topic"]])).toEqual([
    ["ready", "pipeline:run_mine", undefined],
    ["data", "pipeline:run_mine", "status"],
  ]);
  connected.close();
});

test("subscribe() rejects with the missing grant and does not retry", async () => {
  const token = async () => server.token("run_other");
  const listening = listen("run_mine", { token, apiBaseUrl: server.url });
  await expect(listening).rejects.toThrow('The token does not grant the channel "pipeline:run_mine"');

  const response = await server.mint([{ channel: "pipeline:run_mine", name: "status", kind: "run" }]);
  const { jwt } = (await response.json()) as { jwt: string };
  const tokens = listen("run_mine", { token: jwt, topics: ["status", "tokens"], apiBaseUrl: server.url });
  await expect(tokens).rejects.toThrow('The token does not grant "tokens" of the channel "pipeline:run_mine"');
});

test.each(["websocket", "sse"] as const)("a page whose topic no longer exists receives the reason over %s, and does not retry", async (transport) => {
  const options = { ...quick, channel: "pipeline:run_old", topics: ["removed"], apiBaseUrl: server.url, transport } as const;
  const errors: unknown[] = [];
  let calls = 0;
  const token = () => {
    calls += 1;
    return server.token("run_old");
  };
  const subscribing = subscribe({ ...options, token, onError: (error) => void errors.push(error) });
  await expect(subscribing).rejects.toMatchObject({ code: "unknown_topic", fatal: true });
  await expect(subscribing).rejects.toThrow('the channel "pipeline:run_old" has no topic "removed"');
  expect([calls, errors]).toEqual([1, []]);
});

test("no token is issued for an unknown channel or topic, and such a token is refused with 404", async () => {
  for (const [channel, name] of [["pipeline:RUN", "status"], ["pipeline:run_1", "notice"], ["other", "status"]] as const) {
    expect((await server.mint([{ channel, name, kind: "run" }])).status).toBe(404);
    const claims = { ...claimsOf(await server.token("run_1")), topics: [{ channel, name, kind: "run" }] };
    const token = forge(HS256, claims, { key: server.signingKey });
    expect((await connect(server.url, { token })).status).toBe(404);
  }
  for (const body of [[], {}, [{ channel: "pipeline:run_1" }], [{ channel: "pipeline:run_1", name: "status", kind: "other" }]]) {
    expect((await server.mint(body)).status, JSON.stringify(body)).toBe(400);
  }
});

test("a connection outlives its tokens if a function returns new ones, and no message is lost", async () => {
  let calls = 0;
  const listener = await listen("run_expiring", {
    token: () => {
      calls += 1;
      return server.token("run_expiring", 3);
    },
    apiBaseUrl: server.url,
  });
  await server.statuses("run_expiring", { count: 900, pauseMilliseconds: 4 });
  await until("all have come", () => listener.indexes.length >= 900);
  expect(listener.indexes).toEqual(range(0, 900));
  expect(listener.gaps).toEqual([]);
  expect(calls).toBeGreaterThanOrEqual(2);
  listener.close();
});

test("nothing is delivered after a token expires, and onError receives the reason", async () => {
  const listener = await listen("run_ended", { token: await server.token("run_ended", 3), apiBaseUrl: server.url });
  await until("the error is reported", () => listener.errors.length > 0);
  await server.tokens("run_ended", { count: 3 });
  await pause(200);
  expect(listener.indexes).toEqual([]);
  expect(listener.errors[0]).toBeInstanceOf(ConnectionError);
  expect(listener.errors[0]?.message).toContain("the token has expired; set `token` to a function");
  listener.close();
});

test("a token is reused for new connections until it expires, and a failing token function is called again", async () => {
  const proxy = await Proxy.start(server.url);
  let calls = 0;
  const listener = await listen("run_factory", {
    token: () => {
      calls += 1;
      return calls < 3 ? Promise.reject(new Error("no token today")) : server.token("run_factory");
    },
    apiBaseUrl: proxy.url,
  });
  for (const cut of range(1, 4)) {
    proxy.cut();
    await until("it is connected again", () => proxy.connections > cut && listener.connectionStatus === "open");
  }
  await server.tokens("run_factory", { count: 1 });
  await until("the message has come", () => listener.indexes.length === 1);
  expect(proxy.connections).toBe(4);
  expect(calls).toBe(3);
  expect(listener.errors.map((error) => error.message)).toEqual(range(0, 2).map(() => "The `token` function failed: no token today"));
  listener.close();
  proxy.stop();
});
