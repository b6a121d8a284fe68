import { Inngest } from "inngest";
import { serve } from "inngest/edge";
import { afterAll, beforeAll, expect, test } from "vitest";
import { pipeline } from "../../generated/typescript/pipeline.js";
import { Server } from "../end-to-end/support/server.js";
import { appOf } from "./support/app.js";
import { follow } from "./support/follow.js";

const channel = pipeline({ runId: "run_1" });

let server: Server;

beforeAll(async () => {
  server = await Server.start();
});

afterAll(() => server.stop());

/** Calls a function as Inngest's executor does before any step was executed. */
async function execute(client: Inngest.Any, fn: Parameters<typeof serve>[0]["functions"][number]): Promise<void> {
  const handler = serve({ client, functions: [fn] });
  const event = { name: "go", data: {} };
  const ctx = { run_id: "01RUN", attempt: 0, stack: { stack: [], current: 0 }, disable_immediate_execution: false };
  const response = await handler(
    new Request("http://app/api/inngest?fnId=app-work&stepId=step", {
      method: "POST",
      headers: { host: "app" },
      body: JSON.stringify({ version: 1, ctx, event, events: [event], steps: {}, use_api: false }),
    }),
  );
  expect(response.ok).toBe(true);
}

test("a function publishes with its run id through its own client, through a step, and through a second client", async () => {
  const guest = follow(await appOf(server).realtime.subscribe({ channel, topics: ["tokens"] }));
  const live = appOf(server);
  const own = appOf(server, { isDev: true });
  const elsewhere = new Inngest({ id: "app", isDev: true });
  const work = [
    own.createFunction({ id: "work", triggers: { event: "go" } }, () =>
      own.realtime.publish(channel.tokens, { index: 0, text: "own" }),
    ),
    own.createFunction({ id: "work", triggers: { event: "go" } }, ({ step }) =>
      step.realtime.publish("publish", channel.tokens, { index: 1, text: "step" }),
    ),
  ];
  for (const fn of work) {
    await execute(own, fn);
  }
  await execute(
    elsewhere,
    elsewhere.createFunction({ id: "work", triggers: { event: "go" } }, ({ step }) =>
      step.run("publish", () => live.realtime.publish(channel.tokens, { index: 2, text: "second" })),
    ),
  );
  await guest.count(3);
  expect(guest.messages.map(({ data, runId }) => [(data as { text: string }).text, runId])).toEqual([
    ["own", "01RUN"],
    ["step", "01RUN"],
    ["second", "01RUN"],
  ]);
});
