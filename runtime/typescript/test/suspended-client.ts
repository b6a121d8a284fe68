import { readFile } from "node:fs/promises";
import { createInterface } from "node:readline";
import { WebSocket } from "ws";
import { subscribe } from "../src/index.js";
import { timing } from "../src/util/timing.js";

// A client in a separate process, which a test suspends. It prints its events, one JSON text per line.
// `block` selects when its event loop is blocked, for longer than each of its deadlines.
const { url, token, block } = JSON.parse(process.argv[2] ?? "") as { url: string; token: string; block: string };

Object.assign(timing, { openTimeout: 1_500, confirmTimeout: 1_500, functionTimeout: 1_500, probeTimeout: 1_500, firstHeartbeat: 1_500 });

/** Blocks once the current code has passed its I/O to the system, before any of it completes. */
function blockSoon(when: string): void {
  if (block === when) {
    setImmediate(() => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 4_000));
  }
}

class Socket extends WebSocket {
  constructor(address: string, protocols: string[]) {
    super(address, protocols);
    blockSoon("opening");
  }

  override send(data: string): void {
    super.send(data);
    blockSoon(data.includes('"sub"') ? "subscribing" : "asking");
  }
}

const print = (value: unknown) => console.log(JSON.stringify(value));

const subscription = await subscribe({
  channel: "pipeline:run_42",
  token: async () => {
    const file = readFile(import.meta.filename);
    blockSoon("fetching a token");
    await file;
    return token;
  },
  apiBaseUrl: url,
  WebSocket: Socket,
  reconnectMinMs: 5,
  reconnectMaxMs: 20,
  onError: ({ message }) => print({ error: message }),
  onMessage: ({ data }) => print({ data }),
});
print({ open: true });
createInterface(process.stdin).on("close", () => subscription.close());
