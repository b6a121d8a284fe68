import { readFile } from "node:fs/promises";
import { createInterface } from "node:readline";
import { WebSocket } from "ws";
import { subscribe } from "../src/index.js";
import { timing } from "../src/util/timing.js";

// A client in a process of its own, which a test suspends. It prints what it sees, one JSON a line.
// `block` says when its event loop is blocked for longer than each of its deadlines.
const { url, token, block } = JSON.parse(process.argv[2] ?? "") as { url: string; token: string; block: string };

Object.assign(timing, { open: 300, confirm: 300, token: 300, probe: 300, firstAlive: 300 });

/** Blocks once what runs now has handed its work to the system, and before any of it is done. */
function blockSoon(when: string): void {
  if (block === when) {
    setImmediate(() => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 800));
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
