import { cp, readFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { startBrowser } from "../end-to-end/support/browser.js";
import { createGuideProject, readGuideBlocks, searchPath } from "./support/guide.js";
import { command, root } from "./support/paths.js";
import { findPort, startServer } from "./support/process.js";
import { run } from "./support/run.js";

// The crates that the workspace has compiled are compiled once.
const cargo = { CARGO_TARGET_DIR: join(root, "target"), CARGO_PROFILE_DEV_DEBUG: "line-tables-only" };
const env = { PATH: searchPath, ...cargo };
let shop: string;
let web: string;

beforeAll(async () => {
  shop = await createGuideProject("pages");
  web = join(shop, "web");
  await run(shop, command, ["generate"]);
});

test("the page shows what the server publishes, to users who are signed in", async () => {
  await cp(join(root, "Cargo.lock"), join(shop, "Cargo.lock"));
  const added = (await readGuideBlocks("sh")).filter((block) => block.includes("cargo add"));
  expect(added).toHaveLength(1);
  await run(shop, "sh", ["-e", "-c", added.join("")], { env });
  // Quiet, so that it prints warnings only. Flags that deny them would compile all crates again.
  expect(await run(shop, "cargo", ["build", "--quiet", "--package", "server"], { env })).toBe("");

  const [api, port] = [await findPort(), await findPort()];
  const settings = { ADDRESS: `127.0.0.1:${api}`, FANFARE_SIGNING_KEY: "0123456789abcdef0123456789abcdef" };
  const address = `http://127.0.0.1:${api}`;
  await using _server = await startServer(shop, join(root, "target/debug/server"), [], settings, address);
  const url = `http://127.0.0.1:${port}/`;
  const vite = ["vite", "--host", "127.0.0.1", "--port", String(port), "--strictPort"];
  await using _vite = await startServer(web, "npx", vite, { ...env, SERVER: address }, url);

  const browser = await startBrowser();
  try {
    const page = await browser.newPage();
    await page.goto(url);
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByText("no report yet (open)").waitFor();
    await page.getByTitle("of another user").getByText("Live progress is not available").waitFor();
    await page.getByRole("button", { name: "Create a report" }).click();
    await page.getByText("orders.csv: 100%").waitFor();
    // The latest progress is retained.
    await page.reload();
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByText("orders.csv: 100%").waitFor();
  } finally {
    await browser.close();
  }
  // Compiles a server.
}, 900_000);

test("the page is type-checked and built, and its test passes", async () => {
  await run(web, "npm", ["run", "build"], { env });
  expect(await run(web, "npm", ["run", "test"], { env })).toMatch(/\b1 passed\b/u);
});

test("generated Rust is not changed by `cargo fmt`", async () => {
  const before = await readFile(join(shop, "server/src/channels/reports.rs"), "utf8");
  await run(join(shop, "server"), "cargo", ["fmt"]);
  expect(await readFile(join(shop, "server/src/channels/reports.rs"), "utf8")).toBe(before);
});
