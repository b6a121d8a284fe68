import { mkdir, mkdtemp, readFile, readdir, realpath, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { findBrokenLinks } from "./support/links.js";
import { command, dist, root, tarball } from "./support/paths.js";
import { run } from "./support/run.js";

const platform = `${process.platform}-${process.arch}`;
const packages = join(dist, "cli");
const launcher = join(packages, "fanfare-cli-0.1.0.tgz");
const program = join(packages, `fanfare-cli-${platform}-0.1.0.tgz`);
const folders: string[] = [];
let installed: string;

beforeAll(async () => {
  const pack = join(root, "packages/cli/pack.mjs");
  await rm(packages, { recursive: true, force: true });
  await run(root, "node", [pack, packages]);
  await run(root, "node", [pack, packages, platform, command]);
  installed = await createFolder();
  await npm(installed, "init", "--yes");
  await npm(installed, "pkg", "set", "type=module");
  await npm(installed, "install", tarball, launcher, program);
});

afterAll(async () => {
  await Promise.all(folders.map((folder) => rm(folder, { recursive: true })));
});

test("the page of the README is built from packed packages, without Rust", async () => {
  const folder = installed;
  await writeReadmeFile(folder, "schemas/pipeline.yaml");
  await writeReadmeFile(folder, "main.ts");

  const env = { PATH: await createPath(), HOME: folder };
  await expect(run(folder, "cargo", ["--version"], { env, only: true })).rejects.toThrow("ENOENT");
  expect(await run(folder, "npx", ["fanfare", "generate"], { env, only: true })).toContain("wrote generated/");
  expect(await run(folder, "npx", ["fanfare", "generate", "--check"], { env, only: true })).toContain("up to date");
  await run(folder, join(root, "node_modules/.bin/esbuild"), ["main.ts", "--bundle", "--format=esm", "--outfile=main.js"]);
  expect(await readFile(join(folder, "main.js"), "utf8")).toContain("pipeline:{runId}");
});

test("the launcher contains the documents about definitions, without broken links", async () => {
  const docs = join(installed, "node_modules/@fanfare/cli/docs");
  expect(await readdir(docs)).toEqual(expect.arrayContaining(["llms.txt", "definition.md"]));
  expect(await findBrokenLinks(docs)).toEqual([]);
});

test("the launcher returns the exit code of the program", async () => {
  const args = ["fanfare", "generate", "--schemas", "missing"];
  const failure = await run(installed, "npx", args).catch((error: unknown) => error);
  expect(String(failure)).toContain("missing");
  expect(failure).toMatchObject({ cause: { code: 1 } });
});

test("the launcher says how to install a missing program", async () => {
  const folder = await createFolder();
  await npm(folder, "install", launcher, "--omit=optional");
  const failure = await run(folder, "npx", ["fanfare", "generate"]).catch((error: unknown) => error);
  expect(String(failure)).toContain(`error: the package @fanfare/cli-${platform} is not installed`);
  expect(String(failure)).toContain("cargo install fanfare-cli");
});

test("the launcher names a platform that it has no program for", async () => {
  await writeFile(join(installed, "other.mjs"), 'Object.defineProperty(process, "arch", { value: "riscv64" });\n');
  const env = { NODE_OPTIONS: `--import ${join(installed, "other.mjs")}` };
  const failure = await run(installed, "node", ["node_modules/@fanfare/cli/bin/fanfare.js"], { env }).catch(
    (error: unknown) => error,
  );
  expect(String(failure)).toContain(`error: @fanfare/cli has no program for ${process.platform}-riscv64`);
});

test("the versions of the packages are those of the workspace", async () => {
  const version = /^version = "(.+)"$/mu.exec(await readFile(join(root, "Cargo.toml"), "utf8"))?.[1];
  const manifest = JSON.parse(await readFile(join(root, "packages/cli/package.json"), "utf8")) as {
    version: string;
    optionalDependencies: Record<string, string>;
  };
  expect([manifest.version, ...Object.values(manifest.optionalDependencies)]).toEqual(Array(6).fill(version));
  expect((await readdir(packages)).sort()).toEqual([`fanfare-cli-${version}.tgz`, `fanfare-cli-${platform}-${version}.tgz`]);
});

/** Returns a folder outside of the repository, so that nothing of its `node_modules` is found. */
async function createFolder(): Promise<string> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), "fanfare-installed-")));
  folders.push(folder);
  return folder;
}

/** Returns a search path with Node.js, npm and a shell. */
async function createPath(): Promise<string> {
  const folder = await createFolder();
  for (const name of ["node", "npx"]) {
    await symlink(join(dirname(process.execPath), name), join(folder, name));
  }
  await symlink("/bin/sh", join(folder, "sh"));
  return folder;
}

function npm(folder: string, ...args: string[]): Promise<string> {
  return run(folder, "npm", [...args, "--no-audit", "--no-fund"]);
}

/** Writes the code block of the README that begins with the file's name. */
async function writeReadmeFile(folder: string, file: string): Promise<void> {
  const readme = await readFile(join(root, "README.md"), "utf8");
  const block = readme.split("```").find((text) => new RegExp(`^\\w+\\n(?:#|//) ${file}\\n`, "u").test(text));
  expect(block, `${file} in the README`).toBeDefined();
  await mkdir(dirname(join(folder, file)), { recursive: true });
  await writeFile(join(folder, file), (block ?? "").replace(/^\w+\n/u, ""));
}
