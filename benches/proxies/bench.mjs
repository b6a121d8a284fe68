// Measures the latency of messages through reverse proxies, over event streams and WebSockets.
//
// Usage: node bench.mjs <path of fanfare-test-server>. `cargo xtask bench proxies` builds it.

import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, request } from "node:http";
import { connect, createServer as createTcpServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { WebSocket } from "ws";

const MESSAGES = 50;
const INTERVAL = 20;
/** How long to wait for messages after the last was published. */
const TIMEOUT = 2000;

const folder = mkdtempSync(join(tmpdir(), "fanfare-proxies-"));
const processes = [];
process.on("exit", () => {
  for (const child of processes) child.kill();
  rmSync(folder, { recursive: true, force: true });
});

const read = (name) => readFileSync(new URL(name, import.meta.url), "utf8");

async function freePort() {
  const listener = createTcpServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => listener.once("listening", resolve));
  const { port } = listener.address();
  await new Promise((resolve) => listener.close(resolve));
  return port;
}

function run(program, args, options) {
  const child = spawn(program, args, { stdio: ["pipe", "pipe", "inherit"], ...options });
  processes.push(child);
  return child;
}

/** Returns the version that a program prints, or `undefined` if it is not installed. */
function version(program, args) {
  const { status, stdout, stderr } = spawnSync(program, args, { encoding: "utf8" });
  return status === 0 ? `${stdout}${stderr}`.trim().split("\n")[0] : undefined;
}

async function startServer(program) {
  const lines = createInterface(run(program, ["{}"]).stdout);
  const line = await new Promise((resolve) => lines.once("line", resolve));
  return JSON.parse(line);
}

/** Forwards to a server and removes the response headers that keep proxies from buffering events. */
async function withoutHeaders(target) {
  const server = createServer((incoming, outgoing) => {
    const { method, url, headers } = incoming;
    const forwarded = request(`${target}${url}`, { method, headers }, (answer) => {
      const { "x-accel-buffering": _, ...rest } = { ...answer.headers, "cache-control": "no-store" };
      outgoing.writeHead(answer.statusCode, rest);
      answer.pipe(outgoing);
    });
    forwarded.on("error", () => outgoing.destroy());
    outgoing.on("close", () => forwarded.destroy());
    incoming.pipe(forwarded);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${server.address().port}`;
}

/** Starts a proxy, with its addresses in the configuration replaced, and returns its URL. */
async function start(name, config, target, listen, command) {
  const port = await freePort();
  const path = join(folder, `${port}-${name}`);
  writeFileSync(path, config.replace("127.0.0.1:3000", new URL(target).host).replace(...listen(port)));
  run(...command(path));
  for (let attempt = 0; attempt < 200; attempt += 1) {
    const socket = connect(port, "127.0.0.1");
    const connected = await new Promise((resolve) => socket.once("connect", () => resolve(true)).once("error", resolve));
    socket.destroy();
    if (connected === true) return `http://127.0.0.1:${port}`;
    await sleep(50);
  }
  throw new Error(`${name} did not start listening within 10 seconds`);
}

const nginx = (target, { settings = "", server = read("nginx.conf") } = {}) => {
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((kind) => `${kind}_temp_path ${folder};`);
  const http = `access_log off; ${temporary.join(" ")} ${settings}\n${server}`;
  const config = `daemon off; pid ${folder}/nginx.pid; error_log stderr emerg;\nevents {}\nhttp { ${http} }\n`;
  const listen = (port) => ["listen 8080", `listen 127.0.0.1:${port}`];
  return start("nginx.conf", config, target, listen, (path) => ["nginx", ["-c", path, "-e", "stderr"]]);
};
const PROXY_PASS_ONLY = "server { listen 8080; location / { proxy_pass http://127.0.0.1:3000; } }";
const GZIP = "gzip on; gzip_types *; gzip_min_length 0;";

function express(target) {
  const listen = (port) => ["listen(8080)", `listen(${port}, "127.0.0.1")`];
  return start("express.mjs", read("express.mjs"), target, listen, (path) => {
    // Evaluated in this folder, so that Node finds the packages.
    const args = ["--input-type=module", "--eval", readFileSync(path, "utf8")];
    return [process.execPath, args, { cwd: import.meta.dirname }];
  });
}

function caddy(target) {
  const config = `{\nadmin off\nauto_https off\n}\n${read("Caddyfile")}`;
  const listen = (port) => [":8080", `http://127.0.0.1:${port}`];
  return start("Caddyfile", config, target, listen, (path) => {
    const env = { ...process.env, XDG_DATA_HOME: folder, XDG_CONFIG_HOME: folder };
    const stdio = ["pipe", "pipe", "ignore"];
    return ["caddy", ["run", "--adapter", "caddyfile", "--config", path], { env, stdio }];
  });
}

/** Each subscribes and calls `onMessage` for each message. Resolves once subscribed. */
const transports = {
  async sse(url, token, onMessage) {
    const response = await fetch(`${url}/v1/realtime/sse?token=${token}`, { signal: AbortSignal.timeout(10_000) });
    void (async () => {
      let text = "";
      for await (const piece of response.body.pipeThrough(new TextDecoderStream())) {
        const events = (text + piece).split("\n\n");
        text = events.pop();
        for (const event of events) onMessage(event.slice(event.indexOf("data: ") + 6));
      }
    })().catch(() => {});
  },
  async ws(url, token, onMessage) {
    const address = `${url.replace("http", "ws")}/v1/realtime/connect`;
    const socket = new WebSocket(address, ["fanfare.v1", `bearer.${token}`]);
    socket.on("message", (text) => onMessage(text.toString()));
    await new Promise((resolve, reject) => socket.once("open", resolve).once("error", reject));
  },
};

let runs = 0;

/** Publishes to the server directly and receives through a proxy. Returns the milliseconds that each message took. */
async function measure({ url, signingKey }, proxy, transport) {
  const channel = `pipeline:run_${(runs += 1)}`;
  const post = (path, body) =>
    fetch(`${url}/v1/realtime/${path}`, {
      method: "POST",
      headers: { authorization: `Bearer ${signingKey}` },
      body: JSON.stringify(body),
    });
  const { jwt } = await (await post("token", [{ channel, name: "tokens", kind: "run" }])).json();
  const published = [];
  const times = [];
  const received = (text) => {
    const now = performance.now();
    for (const { kind, data } of [JSON.parse(text)].flat()) {
      if (kind === "data") times.push(now - published[data.index]);
    }
  };
  try {
    await transports[transport](proxy, jwt, received);
  } catch (error) {
    return { times, error };
  }
  for (let index = 0; index < MESSAGES; index += 1) {
    published[index] = performance.now();
    await post(`publish?channel=${channel}&topic=tokens`, { index, text: "Once upon a time" });
    await sleep(Math.max(0, INTERVAL - (performance.now() - published[index])));
  }
  for (const end = Date.now() + TIMEOUT; times.length < MESSAGES && Date.now() < end; ) await sleep(10);
  return { times };
}

function row(title, transport, { times, error }) {
  const sorted = times.toSorted((one, other) => one - other);
  const at = (share) => (sorted.length > 0 ? sorted[Math.ceil(share * sorted.length) - 1].toFixed(1) : "–");
  const arrived = error ? "does not connect" : `${times.length} of ${MESSAGES}`;
  console.log(`| ${title} | ${transport} | ${arrived} | ${at(0.5)} | ${at(0.99)} | ${at(1)} |`);
}

const server = await startServer(process.argv[2]);
const bare = await withoutHeaders(server.url);
const has = {
  nginx: version("nginx", ["-v"]),
  Caddy: version("caddy", ["version"])?.replace(/^/, "Caddy "),
  Express: `Express ${JSON.parse(read("../package.json")).dependencies.express}`,
};
const both = ["sse", "ws"];
const proxies = [
  { title: "none", start: () => server.url, transports: both },
  { title: "nginx, `proxy_pass` only", needs: "nginx", start: () => nginx(server.url, { server: PROXY_PASS_ONLY }), transports: both },
  { title: "nginx", needs: "nginx", start: () => nginx(server.url), transports: both },
  { title: "nginx, `gzip_types *`", needs: "nginx", start: () => nginx(server.url, { settings: GZIP }), transports: both },
  { title: "nginx, `gzip_types *`, without the headers", needs: "nginx", start: () => nginx(bare, { settings: GZIP }), transports: ["sse"] },
  { title: "Express, `compression()`", needs: "Express", start: () => express(server.url), transports: both },
  { title: "Express, without the headers", needs: "Express", start: () => express(bare), transports: ["sse"] },
  { title: "Caddy, `encode`", needs: "Caddy", start: () => caddy(server.url), transports: both },
  { title: "Caddy, without the headers", needs: "Caddy", start: () => caddy(bare), transports: ["sse"] },
];

// Warm up: the first messages wait until code is compiled.
await measure(server, server.url, "sse");
console.log(Object.values(has).filter(Boolean).join("; "));
console.log("\n| proxy | transport | arrived | median ms | p99 ms | max ms |\n|---|---|---|---|---|---|");
for (const { title, needs, start, transports } of proxies) {
  if (needs !== undefined && has[needs] === undefined) {
    console.log(`| ${title} | | ${needs} is not installed: skipped | | | |`);
    continue;
  }
  const proxy = await start();
  for (const transport of transports) row(title, transport, await measure(server, proxy, transport));
}
process.exit();
