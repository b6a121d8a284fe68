import type { Page } from "playwright-core";
import type { Server } from "../test/support/server.js";

/** A state of Studio to make a picture of. */
export interface Scene {
  readonly name: string;
  /** The view. */
  readonly hash?: string;
  readonly isSignedOut?: boolean;
  /** Whether to sign in with an admin token instead of the signing key. */
  readonly isAdmin?: boolean;
  /** Brings the page into the state. */
  readonly prepare?: (page: Page, server: Server) => Promise<void>;
}

const VIEWS: readonly Scene[] = [
  { name: "runs", hash: "/runs" },
  { name: "messages", hash: "/messages" },
  { name: "feed", hash: "/messages/pipeline%3Arun_messages" },
  { name: "channels", hash: "/channels" },
  { name: "publish", hash: "/publish?channel=pipeline%3Arun_1&topic=status" },
  { name: "health", hash: "/health", prepare: async (page) => page.waitForTimeout(2500) },
  { name: "tokens", hash: "/tokens" },
];

export const SIGNED_OUT: readonly Scene[] = [
  { name: "signin", isSignedOut: true },
  {
    name: "signin_refused",
    isSignedOut: true,
    prepare: async (page) => {
      await page.getByLabel("Signing key or admin token").fill("signkey-test-ffffffffffffffff");
      await page.getByRole("button", { name: "Sign in" }).click();
      await page.getByRole("alert").waitFor();
    },
  },
];

export const EMPTY: readonly Scene[] = [
  ...VIEWS,
  { name: "run_unknown", hash: "/runs/run_unknown" },
  { name: "definition_unknown", hash: "/channels?definition=unknown" },
];

export const FEW: readonly Scene[] = [
  ...VIEWS,
  { name: "runs_filtered", hash: "/runs?state=cancelled" },
  { name: "run_waiting", hash: "/runs/run_review" },
  { name: "run_failed", hash: "/runs/run_charge?call=2" },
  { name: "run_branches", hash: "/runs/run_translate?call=0" },
  { name: "run_retrying", hash: "/runs/run_fetch?call=0" },
  { name: "run_sleeping", hash: "/runs/run_remind" },
  { name: "run_stream", hash: "/runs/run_draft", prepare: (page) => page.getByRole("tab", { name: "Messages" }).click() },
  { name: "run_admin", hash: "/runs/run_review", isAdmin: true },
  { name: "run_cancel", hash: "/runs/run_remind", prepare: (page) => page.getByRole("button", { name: "Cancel" }).click() },
  { name: "feed_inspector", hash: "/messages/pipeline%3Arun_messages", prepare: (page) => page.getByRole("grid").getByText("Message 7").click() },
  { name: "feed_text", hash: "/messages/pipeline%3Arun_draft", prepare: (page) => page.getByRole("grid").getByText(/^The quick brown/).click() },
  { name: "feed_paused", hash: "/messages/pipeline%3Arun_messages", prepare: (page) => page.getByRole("button", { name: "Pause" }).click() },
  { name: "feed_admin", hash: "/messages/pipeline%3Arun_messages", isAdmin: true },
  {
    name: "publish_refused",
    hash: "/publish?channel=pipeline%3Arun_1&topic=status",
    prepare: async (page) => {
      await page.getByText("Valid", { exact: true }).waitFor();
      await page.getByLabel("progress").fill("101");
      await page.getByLabel("message").fill("");
      await page.getByText("Not valid", { exact: true }).waitFor();
    },
  },
  {
    name: "publish_json",
    hash: "/publish?channel=pipeline%3Arun_1&topic=insights",
    prepare: async (page) => {
      await page.getByText("Valid", { exact: true }).waitFor();
      await page.getByRole("button", { name: "Edit as JSON" }).click();
    },
  },
  { name: "publish_union", hash: "/publish?channel=pipeline%3Arun_1&topic=insights" },
  { name: "publish_signal", hash: "/publish?channel=pipeline%3Arun_review&signal=approve" },
  { name: "publish_admin", hash: "/publish", isAdmin: true },
  {
    name: "publish_sent",
    hash: "/publish?channel=pipeline%3Arun_2&topic=status",
    prepare: async (page) => {
      await page.getByText("Valid", { exact: true }).waitFor();
      await page.getByRole("button", { name: "Publish", exact: true }).click();
      await page.getByText("Published as").waitFor();
    },
  },
  { name: "channels_schema", hash: "/channels?definition=pipeline", prepare: (page) => page.getByText("Schema", { exact: true }).nth(1).click() },
  { name: "health_connection", hash: "/health", prepare: (page) => page.getByRole("grid", { name: "Connections" }).getByRole("row").nth(1).click() },
  {
    name: "tokens_minted",
    hash: "/tokens",
    prepare: async (page) => {
      await page.getByLabel("runId").fill("run_1");
      await page.getByRole("button", { name: "Mint the token" }).click();
      await page.getByText("It may subscribe to").waitFor();
    },
  },
  { name: "palette", hash: "/runs", prepare: openPalette("") },
  { name: "palette_found", hash: "/runs", prepare: openPalette("run_review") },
  { name: "palette_nothing", hash: "/runs", prepare: openPalette("no such thing") },
  { name: "shortcuts", hash: "/runs", prepare: (page) => page.keyboard.press("?") },
  {
    name: "unreachable",
    hash: "/runs",
    prepare: async (page) => {
      await page.context().setOffline(true);
      await page.getByText("The server cannot be reached.").first().waitFor();
    },
  },
];

export const MANY: readonly Scene[] = [
  ...VIEWS,
  { name: "feed_log", hash: "/messages/log" },
  { name: "runs_scrolled", hash: "/runs", prepare: scrollDown },
  { name: "feed_scrolled", hash: "/messages/log", prepare: scrollDown },
  { name: "feed_found", hash: "/messages/log?text=message%2099" },
  { name: "feed_searching", hash: "/messages/log?text=nothing" },
  { name: "run_import", hash: "/runs/run_import" },
];

function openPalette(text: string) {
  return async (page: Page) => {
    await page.keyboard.press("Control+k");
    await page.getByRole("combobox", { name: "Search commands" }).fill(text);
    await page.waitForTimeout(600);
  };
}

async function scrollDown(page: Page): Promise<void> {
  const grid = page.getByRole("grid").first();
  await grid.focus();
  for (let pages = 0; pages < 5; pages += 1) {
    await page.keyboard.press("End");
    await page.waitForTimeout(150);
  }
}
