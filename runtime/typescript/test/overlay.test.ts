// @vitest-environment jsdom
import { afterEach, beforeEach, expect, it } from "vitest";
import { RealtimeStore } from "../src/index.js";
import { showOverlay } from "../src/overlay.js";
import { showOverlay as showNothing } from "../src/overlay-off.js";
import { createTestHub } from "../src/testing.js";
import type { TestHub } from "../src/testing.js";
import { pipeline } from "./pipeline.js";
import { until } from "./server.js";

const channel = pipeline({ runId: "run_42" });

let hub: TestHub;
let store: RealtimeStore<typeof channel>;

beforeEach(() => {
  hub = createTestHub();
  store = new RealtimeStore({ ...hub.options, channel });
  store.start();
});
afterEach(() => {
  store.stop();
  hub.close();
});

const host = () => document.querySelector("fanfare-overlay");
const text = () => host()?.shadowRoot?.textContent ?? "";

it("shows each drift and each gap once, and can be dismissed and removed", async () => {
  const hide = showOverlay();
  await hub.subscribed(channel);
  hub.channel(channel).tokens("a");
  expect(host()).toBeNull();
  hub.drift(channel, [{ topic: "status", message: "the topic was removed" }]);
  hub.drift(channel, [{ topic: "status", message: "the topic was removed" }]);
  await Promise.resolve();
  expect(text()).toContain(`Outdated page: ${channel.name}`);
  expect(text().match(/the topic was removed/g)).toHaveLength(1);
  hub.gap(channel);
  hub.gap(channel);
  await Promise.resolve();
  expect(text().match(/Missed messages: pipeline:run_42/g)).toHaveLength(2);
  host()?.shadowRoot?.querySelector("button")?.click();
  expect(host()).toBeNull();
  hub.gap(channel);
  await Promise.resolve();
  expect(text().match(/Missed messages/g)).toHaveLength(1);
  hide();
  expect(host()).toBeNull();
  hub.gap(channel);
  await Promise.resolve();
  expect(host()).toBeNull();
});

it("is shown once if it is requested twice, and never by the module for production", async () => {
  await until(() => store.getSnapshot().connectionStatus === "open");
  showNothing();
  hub.gap(channel);
  await Promise.resolve();
  expect(host()).toBeNull();
  showOverlay();
  const hide = showOverlay();
  hub.gap(channel);
  await Promise.resolve();
  expect(document.querySelectorAll("fanfare-overlay")).toHaveLength(1);
  hide();
  expect(host()).toBeNull();
});
