import { afterEach, beforeEach, expect, it } from "vitest";
import { WebSocket } from "ws";
import { subscribe } from "../src/index.js";
import { pipeline } from "./pipeline.js";
import { TestServer, tokenFor } from "./server.js";

const channel = pipeline({ runId: "run_42" });
const token = tokenFor(channel.name, ["status"]);
const notFound = "<!doctype html><title>404</title>";
let server: TestServer;

beforeEach(async () => {
  server = await TestServer.start();
});
afterEach(() => server.stop());

function basics() {
  return { channel, apiBaseUrl: server.url, WebSocket, reconnectMinMs: 5, reconnectMaxMs: 20 };
}

it("a token that is not a JWT ends the subscription with an error that shows how it starts", async () => {
  for (const given of [notFound, { key: notFound }]) {
    await expect(subscribe({ ...basics(), token: given })).rejects.toMatchObject({
      message: "The token is not a JWT: it starts with `<!doctype`; check what the server that issues tokens returned",
      fatal: true,
    });
  }
  for (const given of ["a.b", "a.b.c.d", "a..c", "a.b.c=", "a b.c.d"]) {
    await expect(subscribe({ ...basics(), token: given })).rejects.toThrow(/not a JWT/);
  }
  expect(server.tokens).toEqual([]);
});

it("a function that did not return a JWT is called again", async () => {
  const errors: Error[] = [];
  const answers = [notFound, { token: notFound }, `${token}\n`];
  const subscription = await subscribe({
    ...basics(),
    token: () => answers.shift() ?? "",
    onError: (error) => void errors.push(error),
  });
  expect(errors).toHaveLength(2);
  expect(errors[0]).toMatchObject({ message: expect.stringContaining("`<!doctype`"), fatal: false });
  expect(server.tokens).toEqual([token]);
  subscription.close();
});
