import type { Browser, Page } from "playwright-core";
import { onTestFinished } from "vitest";
import { openPage } from "./page.js";
import { builtVersions } from "./paths.js";
import { Server } from "./server.js";
import { Site } from "./site.js";

export type Version = "old" | "new";

/** The topic of each channel. */
const TOPICS: Readonly<Record<Version, Readonly<Record<string, string>>>> = {
  old: { parcel: "state", price: "offer", chat: "said", diary: "note", headline: "text", vote: "counted" },
  new: { parcel: "state", price: "offer", chat: "spoken", diary: "entry", headline: "text", vote: "counted" },
};

/** The content of a page about one channel: texts by the titles of their elements. */
export type Shown = Readonly<Record<string, readonly string[]>>;

/** An open page of one version. */
export interface VersionPage {
  readonly page: Page;
  /** The warnings and errors of the page in the console. */
  readonly logged: readonly string[];
  /** Returns what the page shows, by channel. */
  shown(): Promise<Readonly<Record<string, Shown>>>;
  /** Sends a signal with a text of this length, and returns the status or the error code. */
  answer(length: 5 | 15): Promise<string>;
}

/** The backend of one version, which serves its page and mints tokens. */
export class Backend {
  readonly #server: Server;
  readonly #site: Site;

  private constructor(server: Server, site: Site) {
    this.#server = server;
    this.#site = site;
  }

  static async start(version: Version): Promise<Backend> {
    const server = await Server.start({ version });
    return new Backend(server, await Site.start((channel) => mint(server, version, channel), builtVersions));
  }

  /** Opens a page of a version with tokens of this backend, and waits until the server at `api` has answered. */
  async open(browser: Browser, version: Version, api: string): Promise<VersionPage> {
    const logged: string[] = [];
    const page = await openPage(browser, `${this.#site.origin}/${version}.html?${new URLSearchParams({ api })}`, logged);
    await page.waitForFunction(() => {
      const statuses = [...document.querySelectorAll('[title="status"]')].map(({ textContent }) => textContent);
      return statuses.length > 0 && statuses.every((status) => status === "open" || status === "error");
    });
    return {
      page,
      logged,
      shown: () => page.evaluate(readSections),
      answer: async (length) => {
        await page.getByRole("button", { name: `Answer with ${length} characters` }).click();
        return page.locator("output:not(:empty)").innerText();
      },
    };
  }

  async stop(): Promise<void> {
    this.#site.stop();
    await this.#server.stop();
  }
}

/** Starts a server of a version. It ends with the test. */
export async function startServer(version: Version, storage: string): Promise<Server> {
  const server = await Server.start({ version, storage });
  onTestFinished(() => server.stop());
  return server;
}

/** Publishes to the topic that a channel has in the server's version. */
export async function publish(server: Server, version: Version, channel: string, payload: unknown): Promise<void> {
  const response = await server.publish(TOPICS[version][channel] ?? "", payload, { channel });
  if (!response.ok) {
    throw new Error(await response.text());
  }
}

/** Returns `fanfare_clients_outdated` by channel and kind, without zeros. */
export async function outdated(server: Server): Promise<Readonly<Record<string, number>>> {
  const text = await (await fetch(`${server.url}/metrics`)).text();
  const found = text.matchAll(/^fanfare_clients_outdated\{channel="(.*)",kind="(.*)"\} (.*)$/gmu);
  const counts = [...found].map(([, channel, kind, count]) => [`${channel} ${kind}`, Number(count)] as const);
  return Object.fromEntries(counts.filter(([, count]) => count !== 0));
}

async function mint(server: Server, version: Version, channel: string): Promise<string> {
  const topics = [{ channel, name: TOPICS[version][channel], kind: "run" }];
  const signals = channel === "vote" ? [{ channel, name: "answer", kind: "signal" }] : [];
  const response = await server.mint([...topics, ...signals]);
  return ((await response.json()) as { jwt: string }).jwt;
}

function readSections(): Record<string, Record<string, string[]>> {
  const channels: Record<string, Record<string, string[]>> = {};
  for (const section of document.querySelectorAll("section[aria-label]")) {
    const texts: Record<string, string[]> = {};
    for (const element of section.querySelectorAll<HTMLElement>("[title]")) {
      (texts[element.title] ??= []).push(element.textContent);
    }
    channels[section.ariaLabel ?? ""] = texts;
  }
  return channels;
}
