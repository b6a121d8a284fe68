import { expect } from "vitest";
import type { Page } from "playwright-core";
import type { HistoryItem } from "../../src/api/types.js";
import { hrefOf } from "../../src/route.js";
import { fetchFrom, type StudioHub } from "./server.js";

export interface FormTarget {
  readonly channel: string;
  readonly topic?: string;
  readonly signal?: string;
}

/** Opens the form of a topic or signal. */
export async function openForm(page: Page, target: FormTarget): Promise<void> {
  await page.evaluate((href) => (location.hash = href), hrefOf(["publish"], { ...target }));
}

/** Publishes the payload in the form once it is valid, and returns it. */
export async function publishForm(page: Page): Promise<unknown> {
  await page.getByText("Valid", { exact: true }).waitFor();
  return JSON.parse(await publish(page, "Publish")) as unknown;
}

export async function publishText(page: Page, text: string): Promise<string> {
  await page.getByLabel("Text", { exact: true }).fill(text);
  return publish(page, "Publish the text");
}

/** Returns the payload or text of a topic's newest message. */
export async function newest(hub: StudioHub, channel: string, topic: string): Promise<unknown> {
  const query = new URLSearchParams({ channel, topic, limit: "1" }).toString();
  const { items } = (await (await fetchFrom(hub, `admin/history?${query}`)).json()) as { items: readonly HistoryItem[] };
  const [item] = items;
  return item?.kind === "text" ? item.text : item?.payload;
}

/** Presses a button, waits until the server has accepted the message, and returns what the page sent. */
async function publish(page: Page, button: string): Promise<string> {
  const answer = page.waitForResponse((response) => response.url().includes("/publish?"));
  await page.getByRole("button", { name: button, exact: true }).click();
  const response = await answer;
  expect(response.status(), await response.text()).toBe(200);
  await page.getByText("Published as").waitFor();
  return response.request().postData() ?? "";
}
