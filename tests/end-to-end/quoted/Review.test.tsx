// @vitest-environment jsdom
import { cleanup, fireEvent, render, screen } from "@testing-library/react";
import { RealtimeProvider } from "fanfare/react";
import { createTestHub, type TestHub } from "fanfare/testing";
import { afterEach, beforeEach, expect, test } from "vitest";
import { pipeline } from "./generated/typescript/index.js";
import { Review } from "./Review.js";

const channel = pipeline({ runId: "run_42" });
let hub: TestHub;

beforeEach(() => {
  hub = createTestHub();
  render(
    <RealtimeProvider {...hub.options}>
      <Review runId="run_42" />
    </RealtimeProvider>,
  );
});

afterEach(() => {
  cleanup();
  hub.close();
});

test("shows the progress", async () => {
  hub.channel(channel).status({ message: "Writing", step: "write", progress: 40 });
  await screen.findByText("Writing (40%)");
});

test("approves when the run asks", async () => {
  const run = hub.run(channel).start();
  const answer = run.waitFor(channel.approve);
  fireEvent.click(await screen.findByRole("button", { name: "Approve" }));
  expect((await answer).payload).toEqual({ verdict: "approve" });
});

test("shows that the connection was lost", async () => {
  await screen.findByText("open");
  hub.disconnect();
  await screen.findByText("connecting");
  hub.reconnect();
  await screen.findByText("open");
});
