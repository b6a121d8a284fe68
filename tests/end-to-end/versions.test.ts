import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { startBrowser } from "./support/browser.js";
import { Proxy } from "./support/proxy.js";
import type { Server } from "./support/server.js";
import { Backend, outdated, publish, type Shown, startServer, type Version, type VersionPage } from "./support/versions.js";
import { range } from "./support/wait.js";

let browser: Browser;
let backends: Readonly<Record<Version, Backend>>;

beforeAll(async () => {
  backends = { old: await Backend.start("old"), new: await Backend.start("new") };
  browser = await startBrowser();
});

afterAll(async () => {
  await browser?.close();
  await backends?.old.stop();
  await backends?.new.stop();
});

const RELOAD = "A new version is available: reload";
const OLDER_SERVER = "The server is of an earlier version";

/** Messages that a server of each version can publish, by channel. */
const MESSAGES: Readonly<Record<Version, Readonly<Record<string, readonly unknown[]>>>> = {
  old: {
    parcel: ["packed", "sent"],
    price: [{ cents: 1 }, { cents: 2 }],
    chat: ["hello", "goodbye"],
    diary: ["Monday"],
    headline: ["A headline", "A long headline"],
  },
  new: {
    parcel: ["sent", "delivered"],
    price: [{ cents: 3, discount: 1 }, { cents: 4 }],
    chat: ["hello", "goodbye"],
    diary: ["Tuesday"],
    headline: ["A headline"],
  },
};

test("a page works with the server of its version, and shows and logs nothing else", async () => {
  for (const version of ["old", "new"] as const) {
    const server = await startServer(version, storage());
    const page = await backends[version].open(browser, version, server.url);
    await publishAll(server, version);
    const [chat, diary] = version === "old" ? ["said", "note"] : ["spoken", "entry"];
    const messages = MESSAGES[version];
    await shows(page, {
      parcel: open("state", messages["parcel"]),
      price: open("offer", messages["price"]),
      chat: open(chat, messages["chat"]),
      diary: open(diary, messages["diary"]),
      headline: open("text", messages["headline"]),
      vote: open("counted"),
    });
    expect(await page.answer(5)).toBe("accepted");
    expect(await page.answer(15)).toBe(version === "old" ? "accepted" : "invalid");
    expect(page.logged).toEqual([]);
    expect(await outdated(server)).toEqual({});
  }
});

test("an old page offers to reload where the new server breaks it, and works elsewhere", async () => {
  const server = await startServer("new", storage());
  const page = await backends.old.open(browser, "old", server.url);
  await publishAll(server, "new");
  const invalid = expect.stringContaining('"delivered"');
  const renamed = expect.stringMatching(/no topic "note"; it was renamed to "entry" \(unknown_topic\)$/u);
  await shows(page, {
    parcel: { ...open("state", ["sent"]), errors: [invalid], offer: [RELOAD] },
    price: open("offer", [{ cents: 3 }, { cents: 4 }]),
    chat: open("said", ["hello", "goodbye"]),
    diary: { status: ["error"], errors: [renamed], offer: [RELOAD] },
    headline: open("text", ["A headline"]),
    vote: { ...open("counted"), offer: [RELOAD] },
  });
  expect(await page.answer(5)).toBe("accepted");
  expect(await page.answer(15)).toBe("invalid");
  // The channels are subscribed to in any order.
  expect([...page.logged].sort()).toEqual([
    expect.stringContaining('available: reload it. The channel "diary" has changed: topic "note":'),
    expect.stringContaining('available: reload it. The channel "parcel" has changed: topic "state":'),
    expect.stringContaining('available: reload it. The channel "vote" has changed: signal "answer":'),
  ]);
  expect(await outdated(server)).toEqual({ "parcel breaking": 2, "vote breaking": 2 });
  await page.page.close();
  await expect.poll(() => outdated(server)).toEqual({});
});

test("a new page says that the old server breaks it, and works elsewhere", async () => {
  const server = await startServer("old", storage());
  const page = await backends.new.open(browser, "new", server.url);
  await publishAll(server, "old");
  const unknown = (topic: string): unknown => expect.stringMatching(new RegExp(`no topic "${topic}" \\(unknown_topic\\)$`, "u"));
  const invalid = expect.stringContaining("must have at most 10 characters");
  await shows(page, {
    parcel: open("state", ["packed", "sent"]),
    price: open("offer", [{ cents: 1 }, { cents: 2 }]),
    chat: { status: ["error"], errors: [unknown("spoken")], offer: [OLDER_SERVER] },
    diary: { status: ["error"], errors: [unknown("entry")], offer: [OLDER_SERVER] },
    headline: { ...open("text", ["A headline"]), errors: [invalid], offer: [OLDER_SERVER] },
    vote: open("counted"),
  });
  expect(await page.answer(5)).toBe("accepted");
  expect(await page.answer(15)).toBe("invalid");
  expect([...page.logged].sort()).toEqual([
    expect.stringContaining('deploy the new server. The channel "chat" has changed: topic "spoken":'),
    expect.stringContaining('deploy the new server. The channel "diary" has changed: topic "entry":'),
    expect.stringContaining('deploy the new server. The channel "headline" has changed: topic "text":'),
  ]);
  // The old server has no release with the definition hashes of the new page.
  expect(await outdated(server)).toEqual({
    "parcel unknown": 2,
    "price unknown": 2,
    "headline unknown": 2,
    "vote unknown": 2,
  });
  await page.page.close();
  await expect.poll(() => outdated(server)).toEqual({});
});

test("pages receive a renamed topic under the name that they know, whichever backend mints their tokens", async () => {
  const server = await startServer("new", storage());
  const old = await backends.new.open(browser, "old", server.url);
  const current = await backends.old.open(browser, "new", server.url);
  await publishAll(server, "new");
  await showsOf(old, "chat", open("said", ["hello", "goodbye"]));
  await showsOf(current, "chat", open("spoken", ["hello", "goodbye"]));
  // This topic has no alias. The token is valid, so the page can say that it must be reloaded.
  await showsOf(old, "diary", { ...open("entry"), offer: [RELOAD] });
});

test("pages of both versions stay complete while servers that share a file are replaced", async () => {
  const file = storage();
  const before = await startServer("old", file);
  const proxy = await Proxy.start(before.url);
  onTestFinished(() => proxy.stop());
  const old = await backends.old.open(browser, "old", proxy.url);
  await publishNumbers(before, "old", 0, 2);
  await publish(before, "old", "headline", "A long headline");
  expect(await old.answer(15)).toBe("accepted");
  const chat = (version: Version, count: number): Shown =>
    open(version === "old" ? "said" : "spoken", range(0, count).map(String));
  const price = (version: Version, from: number, count: number): Shown =>
    open("offer", range(from, count).map((cents) => offer(version, cents)));
  const atFirst = {
    parcel: open("state"),
    price: price("old", 0, 2),
    chat: chat("old", 2),
    diary: open("note"),
    headline: open("text", ["A long headline"]),
    vote: open("counted", ["x".repeat(15)]),
  };
  await shows(old, atFirst);

  // New connections lead to the new server. The old page stays where it is.
  const after = await startServer("new", file);
  proxy.redirect(after.url);
  const current = await backends.new.open(browser, "new", proxy.url);
  await publishNumbers(before, "old", 2, 30);
  await publish(before, "old", "headline", "Another long one");
  const whileBothRun = { ...atFirst, price: price("old", 0, 30), chat: chat("old", 30) };
  await shows(old, { ...whileBothRun, headline: open("text", ["A long headline", "Another long one"]) });
  const invalid = expect.stringContaining('got "Another long one"');
  const headline = { ...open("text"), errors: [invalid], gaps: ["Messages were missed"] };
  await shows(current, { ...whileBothRun, price: price("old", 1, 30), chat: chat("new", 30), diary: open("entry"), headline });
  expect(await outdated(before)).toEqual({});

  // The connections of the old server move while messages are published.
  await Promise.all([before.shutdown(), publishNumbers(after, "new", 30, 60)]);
  await shows(old, {
    ...whileBothRun,
    parcel: { ...atFirst.parcel, offer: [RELOAD] },
    price: price("old", 0, 60),
    chat: chat("old", 60),
    diary: { status: ["error"], errors: [expect.stringContaining('renamed to "entry"')], offer: [RELOAD] },
    headline: open("text", ["A long headline", "Another long one"]),
    vote: { ...atFirst.vote, offer: [RELOAD] },
  });
  const messages = [...(price("old", 1, 30)["messages"] ?? []), ...(price("new", 30, 60)["messages"] ?? [])];
  await shows(current, {
    parcel: open("state"),
    price: { ...open("offer"), messages },
    chat: chat("new", 60),
    diary: open("entry"),
    headline,
    vote: atFirst.vote,
  });
  expect([...old.logged].sort()).toEqual([
    expect.stringContaining('The channel "diary" has changed'),
    expect.stringContaining('The channel "parcel" has changed'),
    expect.stringContaining('The channel "vote" has changed'),
  ]);
  expect(current.logged).toEqual([]);
  expect(await outdated(after)).toEqual({ "parcel breaking": 2, "vote breaking": 2 });

  // The run has recorded an answer that is too long now. It is halted once it continues.
  expect(await current.answer(5)).toBe("accepted");
  const halted = ['the recorded payload of the signal "answer" does not match its current schema'];
  await showsOf(current, "vote", { ...atFirst.vote, halted });
  await showsOf(old, "vote", { ...atFirst.vote, halted, offer: [RELOAD] });
});

test("after a restart with the new definition, stored messages reach pages of both versions", async () => {
  const file = storage();
  const before = await startServer("old", file);
  const proxy = await Proxy.start(before.url);
  onTestFinished(() => proxy.stop());
  const old = await backends.old.open(browser, "old", proxy.url);
  await publishAll(before, "old");
  await publish(before, "old", "headline", "Short");
  expect(await old.answer(5)).toBe("accepted");
  const stored = MESSAGES.old;
  const headlines = [...(stored["headline"] ?? []), "Short"];
  await showsOf(old, "headline", open("text", headlines));
  await showsOf(old, "vote", open("counted", ["xxxxx"]));
  proxy.down();
  await before.shutdown();
  const after = await startServer("new", file);
  await publish(after, "new", "chat", "late");
  proxy.up(after.url);

  const current = await backends.new.open(browser, "new", proxy.url);
  await shows(current, {
    parcel: open("state", stored["parcel"]),
    price: open("offer", [{ cents: 2 }]),
    chat: open("spoken", [...(stored["chat"] ?? []), "late"]),
    diary: open("entry", stored["diary"]),
    // History starts after the latest message that the new definition refuses.
    headline: { ...open("text", ["Short"]), gaps: ["Messages were missed"] },
    vote: open("counted", ["xxxxx"]),
  });
  // The old page resumes without a gap. It may have failed to connect for a while.
  for (const [channel, topic, messages] of [
    ["price", "offer", stored["price"]],
    ["chat", "said", [...(stored["chat"] ?? []), "late"]],
    ["headline", "text", headlines],
  ] as const) {
    const shown = async () => ({ ...(await old.shown())[channel], errors: undefined });
    await expect.poll(shown).toEqual(open(topic, messages));
  }
  expect(await current.answer(5)).toBe("accepted");
  await showsOf(current, "vote", open("counted", ["xxxxx", "xxxxx"]));
});

/** Publishes a chat message and an offer for each number. */
async function publishNumbers(server: Server, version: Version, from: number, to: number): Promise<void> {
  for (const number of range(from, to)) {
    await publish(server, version, "chat", String(number));
    await publish(server, version, "price", offer(version, number));
  }
}

async function publishAll(server: Server, version: Version): Promise<void> {
  for (const [channel, messages] of Object.entries(MESSAGES[version])) {
    for (const message of messages) {
      await publish(server, version, channel, message);
    }
  }
}

function open(topic: string, messages: readonly unknown[] = []): Shown {
  const texts = messages.map((message) => `${topic} ${JSON.stringify(message)}`);
  return { status: ["open"], ...(texts.length > 0 && { messages: texts }) };
}

/** Returns an offer as a server of a version publishes it. */
function offer(version: Version, cents: number): Readonly<Record<string, number>> {
  return version === "old" ? { cents } : { cents, discount: 1 };
}

async function shows(page: VersionPage, expected: Readonly<Record<string, unknown>>): Promise<void> {
  await expect.poll(() => page.shown()).toEqual(expected);
}

async function showsOf(page: VersionPage, channel: string, expected: Readonly<Record<string, unknown>>): Promise<void> {
  await expect.poll(async () => (await page.shown())[channel]).toEqual(expected);
}

function storage(): string {
  const folder = mkdtempSync(join(tmpdir(), "fanfare-versions-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return join(folder, "fanfare.db");
}
