// @vitest-environment jsdom
import { act, cleanup, fireEvent, render, screen } from "@testing-library/react";
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
  void hub.run(channel).start().waitFor(channel.approve);
  fireEvent.click(await screen.findByRole("button", { name: "Approve" }));
  const { payload } = await act(() => hub.nextSignal(channel.approve));
  expect(payload).toEqual({ verdict: "approve" });
});

test("shows that the connection was lost", async () => {
  await screen.findByText("open");
  hub.disconnect();
  await screen.findByText("connecting");
  hub.reconnect();
  await screen.findByText("open");
});
