import { rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { createComponent } from "solid-js";
import { renderToString as renderSolid } from "solid-js/web";
import type { Component } from "svelte";
import { compile } from "svelte/compiler";
import { render as renderSvelte } from "svelte/server";
import { createSSRApp, effectScope, h, nextTick, ref } from "vue";
import { renderToString as renderVue } from "vue/server-renderer";
import { afterEach, beforeEach, expect, it } from "vitest";
import { createRealtime, RealtimeProvider } from "../src/solid.js";
import { createTestHub } from "../src/testing.js";
import type { TestHub } from "../src/testing.js";
import { provideRealtime, useRealtime } from "../src/vue.js";
import { pipeline } from "./pipeline.js";
import { until } from "./server.js";

const channel = pipeline({ runId: "run_42" });

const SVELTE = `
  <script>
    import { createRealtime } from "../src/svelte.js";
    const { options } = $props();
    const realtime = createRealtime(() => options);
  </script>
  <p>{realtime.connectionStatus} {$realtime.connectionStatus}</p>`;

let hub: TestHub;

beforeEach(() => {
  hub = createTestHub();
});
afterEach(() => hub.close());

it("outside of a component, Vue's composable lives as long as its effect scope", async () => {
  const runId = ref("run_42");
  const scope = effectScope();
  const realtime = scope.run(() => useRealtime({ ...hub.options, channel: () => pipeline({ runId: runId.value }), topics: ref(["tokens"] as const) }));
  await until(() => realtime?.connectionStatus.value === "open");
  hub.channel(channel).tokens("a");
  await until(() => realtime?.messages.value.last?.data === "a");
  runId.value = "run_43";
  await nextTick();
  expect(realtime?.messages.value.all).toEqual([]);
  await until(() => hub.subscriptions.map(({ channel }) => channel).join() === "pipeline:run_43");
  scope.stop();
  await until(() => hub.subscriptions.length === 0);
});

it("a ref of Vue that the update does not change triggers nothing", async () => {
  const scope = effectScope();
  const realtime = scope.run(() => useRealtime({ ...hub.options, channel }));
  await until(() => realtime?.connectionStatus.value === "open");
  const waitingFor = realtime?.waitingFor.value;
  hub.channel(channel).tokens("a");
  await until(() => realtime?.messages.value.last?.data === "a");
  expect(realtime?.waitingFor.value).toBe(waitingFor);
  scope.stop();
});

it("servers that render Vue, Solid or Svelte do not connect", async () => {
  const Inner = { setup: () => { const { connectionStatus } = useRealtime({ channel }); return () => h("p", connectionStatus.value); } };
  const app = createSSRApp({ setup: () => { provideRealtime(hub.options); return () => h(Inner); } });
  expect(await renderVue(app)).toBe("<p>idle</p>");
  const Status = () => createRealtime(() => ({ channel })).connectionStatus;
  const page = () => createComponent(RealtimeProvider, { ...hub.options, get children() { return createComponent(Status, {}); } });
  expect(renderSolid(page)).toBe("idle");
  const file = fileURLToPath(new URL("compiled-svelte.js", import.meta.url));
  try {
    writeFileSync(file, compile(SVELTE, { generate: "server" }).js.code);
    const { default: Page } = (await import(file)) as { default: Component<{ options: object }> };
    expect(renderSvelte(Page, { props: { options: { ...hub.options, channel } } }).body).toContain("<p>idle idle</p>");
  } finally {
    rmSync(file, { force: true });
  }
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(hub.subscriptions).toEqual([]);
});
