// Lets the load client make a server publish in-process. `src/control.rs` documents the protocol.

import { createServer as createTcpServer } from "node:net";
import { createServer } from "node:http";
import { createInterface } from "node:readline";

// The number of messages after which publishing yields to other work of the server.
const TURN = 64;

const clock = () => process.hrtime.bigint();

/** Serves clients with `server` and the load client with a control connection, and prints both ports. */
export function serve(server, publish) {
  const control = createTcpServer((client) => follow(client, publish));
  control.listen(0, "127.0.0.1", () => {
    server.listen(0, "127.0.0.1", () => console.log(server.address().port, control.address().port));
  });
}

/** Creates an HTTP server that publishes the body of each request. */
export function httpServer(publish) {
  return createServer((request, response) => {
    const chunks = [];
    request.on("data", (chunk) => chunks.push(chunk));
    request.on("end", () => {
      publish(Buffer.concat(chunks).toString());
      response.end();
    });
  });
}

function follow(client, publish) {
  let published = 0;
  let allowed = 0;
  let filling = "";
  let running = false;
  let finishing = false;
  const run = () => {
    const turn = Math.min(allowed, published + TURN);
    for (; published < turn; published += 1) publish(payload(published, filling));
    running = published < allowed;
    if (running) setImmediate(run);
    else if (finishing) client.write(`${published}\n`);
  };
  createInterface({ input: client }).on("line", (line) => {
    // These servers have one channel, so they ignore the number of channels.
    const [word, number] = line.split(" ");
    if (word === "go") filling = "x".repeat(Math.max(0, Number(number) - 68));
    else if (word === "to") allowed = Number(number);
    else {
      if (word === "stop") allowed = Math.min(allowed, published);
      finishing = true;
    }
    if (!running) run();
  });
  client.on("error", () => client.destroy());
}

function payload(sequence, filling) {
  const time = String(clock()).padStart(16, "0");
  return `{"m":"~T${time}#${String(sequence).padStart(10, "0")}~","role":"assistant","text":"${filling}"}`;
}
