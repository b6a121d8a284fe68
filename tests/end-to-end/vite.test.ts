// The Vite plugin: generates before a build, and after each change during development.
import { mkdtemp, readFile, realpath, rm, writeFile, mkdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build, createLogger, createServer, type ViteDevServer } from "vite";
import { afterEach, beforeEach, expect, test } from "vitest";
import WebSocket from "ws";
import { fanfare } from "fanfare/vite";
import { program } from "./support/paths.js";
import { until } from "./support/wait.js";

const DEFINITION = `version: 1
channels:
  news:
    address: news
    topics:
      headline: { payload: { type: object, required: [text], properties: { text: { type: string } } } }
`;

let root: string;

beforeEach(async () => {
  root = await realpath(await mkdtemp(join(tmpdir(), "fanfare-vite-")));
  await mkdir(join(root, "schemas"));
  await writeFile(join(root, "schemas/news.yaml"), DEFINITION);
  await writeFile(join(root, "fanfare.yaml"), "outputs: [{ language: typescript, folder: src }]\n");
  await writeFile(join(root, "main.js"), 'console.log("page");\n');
  await writeFile(join(root, "index.html"), '<script type="module" src="/main.js"></script>');
});

afterEach(() => rm(root, { recursive: true }));

const plugin = (): ReturnType<typeof fanfare> => fanfare({ command: program("fanfare") });

test("a build generates first", async () => {
  await build({ root, configFile: false, logLevel: "silent", plugins: [plugin()] });
  expect(await readFile(join(root, "src/news.js"), "utf8")).toContain('name: "news"');
});

test("a definition with errors fails a build, with the errors", async () => {
  await writeFile(join(root, "schemas/news.yaml"), DEFINITION.replace("type: string", "minLenght: 1"));
  const built = build({ root, configFile: false, logLevel: "silent", plugins: [plugin()] });
  await expect(built).rejects.toThrow(/unknown keyword `minLenght`.*did you mean `minLength`/s);
});

test("a missing command is explained", async () => {
  const built = build({ root, configFile: false, logLevel: "silent", plugins: [fanfare({ command: "no-such-fanfare" })] });
  await expect(built).rejects.toThrow(/cannot find the command.*`command`/s);
});

test("during development each change generates, and the page shows errors", async () => {
  const messages: string[] = [];
  const customLogger = { ...createLogger("silent"), info: (text: string) => messages.push(text), error: (text: string) => messages.push(text) };
  const server: ViteDevServer = await createServer({
    root,
    configFile: false,
    customLogger,
    server: { host: "127.0.0.1", port: 0 },
    plugins: [plugin()],
  });
  try {
    await server.listen();
    await until("the command watches", () => messages.some((text) => text.includes("watching for changes")));
    const url = server.resolvedUrls?.local[0] ?? "";
    const page = new WebSocket(`${url.replace("http", "ws")}?token=${server.config.webSocketToken}`, "vite-hmr");
    const shown: string[] = [];
    page.on("message", (text) => shown.push(text.toString()));
    await until("the page is connected", () => shown.some((text) => text.includes("connected")));

    await writeFile(join(root, "schemas/news.yaml"), DEFINITION.replace("type: string", "minLenght: 1"));
    await until("the page shows the error", () => shown.some((text) => text.includes("did you mean `minLength`?")));

    await writeFile(join(root, "schemas/news.yaml"), DEFINITION.replaceAll("text", "title"));
    await until("the types are written again", async () => (await readFile(join(root, "src/news.types.d.ts"), "utf8")).includes("title: string"));
    page.close();
  } finally {
    await server.close();
  }
});
