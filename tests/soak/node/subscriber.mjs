// Subscribes with the TypeScript client as an application does, and prints one line for each event:
//
//   ready <channel>
//   message <channel> <topic> <id> <number>
//   gap <channel> <after> <before>
//
// A channel is its index in the options. Every other line fails the test.

import { ConnectionError, subscribe } from "fanfare";

const { apiBaseUrl, token, transport, channels } = JSON.parse(process.argv[2]);

// Node 20 has no WebSocket of its own.
const WebSocket = globalThis.WebSocket ?? (await import("ws")).WebSocket;

// Buffered, because there may be thousands of lines per second.
let lines = "";
const print = (...words) => {
  if (lines === "") {
    setTimeout(() => {
      process.stdout.write(lines);
      lines = "";
    }, 20);
  }
  lines += `${words.join(" ").replaceAll("\n", " ")}\n`;
};

process.stdin.on("end", () => process.exit()).resume();

channels.forEach(async ({ name, topics }, channel) => {
  try {
    const subscription = await subscribe({
      apiBaseUrl,
      token: () => token,
      transport,
      WebSocket,
      channel: name,
      topics,
      reconnectMinMs: 5,
      reconnectMaxMs: 150,
      onMessage: ({ topic, id, data }) => print("message", channel, topic, id, data.number),
      onGap: ({ after, before }) => print("gap", channel, after, before),
      onInvalid: (error) => print("invalid:", error.message),
      // The test breaks connections on purpose.
      onError: (error) => error instanceof ConnectionError || print("error:", error),
    });
    print("ready", channel);
    print("ended:", name, await subscription.closed);
  } catch (error) {
    print("failed:", error);
  }
});
