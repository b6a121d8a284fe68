// The schemas of definitions and of the configuration in an editor: completion, hover and errors of the real YAML language server.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, realpath, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { execFile } from "node:child_process";
import { afterAll, beforeAll, expect, test } from "vitest";
import { program } from "./support/paths.js";

interface Message {
  readonly id?: number;
  readonly method?: string;
  readonly result?: unknown;
  readonly params?: unknown;
}

/** A language server, over its standard input and output. */
class LanguageServer {
  readonly #child: ChildProcess;
  readonly #answers = new Map<number, (result: unknown) => void>();
  readonly diagnostics = new Map<string, (messages: readonly { readonly message: string }[]) => void>();
  #buffer = Buffer.alloc(0);
  #id = 0;

  constructor(script: string) {
    this.#child = spawn(process.execPath, [script, "--stdio"], { stdio: ["pipe", "pipe", "inherit"] });
    this.#child.stdout?.on("data", (chunk: Buffer) => this.#read(chunk));
  }

  request(method: string, params: unknown): Promise<unknown> {
    const id = ++this.#id;
    this.#write({ id, method, params });
    return new Promise((resolve) => this.#answers.set(id, resolve));
  }

  notify(method: string, params: unknown): void {
    this.#write({ method, params });
  }

  async stop(): Promise<void> {
    this.#child.kill();
    await once(this.#child, "exit");
  }

  #write(message: Message): void {
    const text = JSON.stringify({ jsonrpc: "2.0", ...message });
    this.#child.stdin?.write(`Content-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`);
  }

  #read(chunk: Buffer): void {
    this.#buffer = Buffer.concat([this.#buffer, chunk]);
    for (;;) {
      const end = this.#buffer.indexOf("\r\n\r\n");
      const length = Number(/Content-Length: (\d+)/.exec(this.#buffer.toString("utf8", 0, Math.max(end, 0)))?.[1]);
      if (end < 0 || this.#buffer.length < end + 4 + length) {
        return;
      }
      const message = JSON.parse(this.#buffer.toString("utf8", end + 4, end + 4 + length)) as Message;
      this.#buffer = this.#buffer.subarray(end + 4 + length);
      this.#receive(message);
    }
  }

  #receive({ id, method, result, params }: Message): void {
    if (method === undefined) {
      this.#answers.get(id ?? 0)?.(result);
    } else if (id !== undefined) {
      // The server asks for settings, and registers what it can do.
      const items = (params as { readonly items?: readonly unknown[] }).items ?? [];
      const answer = method === "workspace/configuration" ? items.map(() => ({})) : null;
      const text = JSON.stringify({ jsonrpc: "2.0", id, result: answer });
      this.#child.stdin?.write(`Content-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`);
    } else if (method === "textDocument/publishDiagnostics") {
      const { uri, diagnostics } = params as { readonly uri: string; readonly diagnostics: readonly { readonly message: string }[] };
      this.diagnostics.get(uri)?.(diagnostics);
    }
  }
}

let folder: string;
let server: LanguageServer;

beforeAll(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), "fanfare-editor-")));
  const { stdout } = await promisify(execFile)(program("fanfare"), ["schema"]);
  await writeFile(join(folder, "channels.schema.json"), stdout);
  const configuration = await promisify(execFile)(program("fanfare"), ["schema", "--configuration"]);
  await writeFile(join(folder, "fanfare.schema.json"), configuration.stdout);
  server = new LanguageServer(createRequire(import.meta.url).resolve("yaml-language-server/bin/yaml-language-server"));
  await server.request("initialize", { processId: process.pid, rootUri: pathToFileURL(folder).href, capabilities: {} });
  server.notify("initialized", {});
});

afterAll(async () => {
  await server.stop();
  await rm(folder, { recursive: true });
});

let documents = 0;

/** Opens a document, in which `|` marks the cursor. Returns its address and the position of the cursor. */
function open(text: string, schema = "channels"): { textDocument: { uri: string }; position: { line: number; character: number } } {
  const whole = `# yaml-language-server: $schema=./${schema}.schema.json\n${text}`;
  const before = whole.slice(0, whole.indexOf("|")).split("\n");
  const uri = pathToFileURL(join(folder, `definition-${documents++}.yaml`)).href;
  server.notify("textDocument/didOpen", { textDocument: { uri, languageId: "yaml", version: 1, text: whole.replace("|", "") } });
  return { textDocument: { uri }, position: { line: before.length - 1, character: before.at(-1)?.length ?? 0 } };
}

async function complete(text: string, schema?: string): Promise<string[]> {
  const result = (await server.request("textDocument/completion", open(text, schema))) as { readonly items: readonly { readonly label: string }[] };
  return result.items.map(({ label }) => label).sort();
}

test("keys are completed at every level", async () => {
  expect(await complete("ver|")).toContain("version");
  expect(await complete("version: 1\nchannels:\n  news:\n    |")).toEqual(
    expect.arrayContaining(["address", "params", "topics", "signals", "result", "history"]),
  );
  const topic = "version: 1\nchannels:\n  news:\n    address: news\n    topics:\n      headline:\n        ";
  expect(await complete(`${topic}|`)).toEqual(expect.arrayContaining(["payload", "retain", "stream", "aliases"]));
  expect(await complete(`${topic}payload:\n          |`)).toEqual(expect.arrayContaining(["type", "properties", "oneOf", "x-open"]));
});

test("values are completed", async () => {
  const topic = "version: 1\nchannels:\n  news:\n    address: news\n    topics:\n      headline:\n        ";
  expect(await complete(`${topic}retain: |`)).toEqual(expect.arrayContaining(["last", "all"]));
  expect(await complete(`${topic}payload:\n          type: string\n          format: |`)).toEqual(expect.arrayContaining(["date-time", "email"]));
});

test("keys are described when the pointer hovers over them", async () => {
  const at = open("version: 1\nchannels:\n  news:\n    addr|ess: news\n    topics: {}\n");
  const hover = (await server.request("textDocument/hover", at)) as { readonly contents: { readonly value: string } };
  expect(hover.contents.value).toMatch(/channel/i);
});

test("mistakes are underlined", async () => {
  const { textDocument } = open("version: 1\nchannels:\n  news:\n    adress: news|\n    topics: {}\n");
  const messages = await new Promise<readonly { readonly message: string }[]>((resolve) => server.diagnostics.set(textDocument.uri, resolve));
  expect(messages.map(({ message }) => message).join("\n")).toMatch(/address/);
});

test("the configuration is completed, described and checked", async () => {
  expect(await complete("version: 1\n|", "fanfare")).toEqual(expect.arrayContaining(["schemas", "outputs", "allow-refs-to", "breaking"]));
  expect(await complete("outputs:\n  - language: |", "fanfare")).toEqual(expect.arrayContaining(["rust", "typescript", "json-schema"]));
  expect(await complete("breaking:\n  |", "fanfare")).toEqual(expect.arrayContaining(["wire", "topic-removed"]));
  expect(await complete("breaking:\n  wire: |", "fanfare")).toEqual(expect.arrayContaining(["error", "warning", "note"]));
  const at = open("allow-refs|-to: [shared]\n", "fanfare");
  const hover = (await server.request("textDocument/hover", at)) as { readonly contents: { readonly value: string } };
  expect(hover.contents.value).toContain("Other folders");
  const { textDocument } = open("outputs:\n  - { language: rust, folder: generated, style: ts }|\n", "fanfare");
  const messages = await new Promise<readonly { readonly message: string }[]>((resolve) => server.diagnostics.set(textDocument.uri, resolve));
  expect(messages).not.toEqual([]);
});
