import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { startBrowser } from "./support/browser.js";
import type { Server } from "./support/server.js";
import { Backend, outdated, publish, type Shown, startServer, type Version, type VersionPage } from "./support/versions.js";

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
    diary: { status: ["error"], errors: [renamed] },
    headline: open("text", ["A headline"]),
    vote: { ...open("counted"), offer: [RELOAD] },
  });
  expect(await page.answer(5)).toBe("accepted");
  expect(await page.answer(15)).toBe("invalid");
  expect(page.logged).toEqual([
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
    chat: { status: ["error"], errors: [unknown("spoken")] },
    diary: { status: ["error"], errors: [unknown("entry")] },
    headline: { ...open("text", ["A headline"]), errors: [invalid], offer: [OLDER_SERVER] },
    vote: open("counted"),
  });
  expect(await page.answer(5)).toBe("accepted");
  expect(await page.answer(15)).toBe("invalid");
  expect(page.logged).toEqual([expect.stringContaining('The channel "headline" has changed: topic "text":')]);
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

async function shows(page: VersionPage, expected: Readonly<Record<string, unknown>>): Promise<void> {
  await expect.poll(() => page.shown(), { timeout: 10_000 }).toEqual(expected);
}

function storage(): string {
  const folder = mkdtempSync(join(tmpdir(), "fanfare-versions-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return join(folder, "fanfare.db");
}
