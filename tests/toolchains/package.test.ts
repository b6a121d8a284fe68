import { checkPackage, createPackageFromTarballData } from "@arethetypeswrong/core";
import { readdir, readFile, stat } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { publint } from "publint";
import { formatMessage } from "publint/utils";
import { beforeAll, expect, test } from "vitest";
import { findBrokenLinks } from "./support/links.js";
import { dist, root, tarball } from "./support/paths.js";
import { unpack } from "./support/project.js";

const folder = join(dist, "package");
let files: string[];
let manifest: Record<string, unknown>;

beforeAll(async () => {
  await unpack(tarball, folder);
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  files = entries.filter((entry) => entry.isFile()).map((entry) => relative(folder, join(entry.parentPath, entry.name)));
  manifest = JSON.parse(await readFile(join(folder, "package.json"), "utf8")) as Record<string, unknown>;
});

test("publint finds nothing", async () => {
  const archive = await readFile(tarball);
  const { messages, pkg } = await publint({ pack: { tarball: archive.buffer.slice(archive.byteOffset) as ArrayBuffer }, strict: true });
  expect(messages.map((message) => formatMessage(message, pkg, { color: false }))).toEqual([]);
});

test("TypeScript finds the types of every entry point", async () => {
  const analysis = await checkPackage(createPackageFromTarballData(new Uint8Array(await readFile(tarball))));
  const problems = "problems" in analysis ? analysis.problems : ["the package has no types"];
  // The package has ES modules only: CommonJS loads them with `require` in Node.js 20.19, or with `import()`.
  const found = problems.filter((problem) => {
    const kind = typeof problem === "string" ? problem : problem.kind;
    const resolution = typeof problem === "string" || !("resolutionKind" in problem) ? "" : problem.resolutionKind;
    return kind !== "CJSResolvesToESM" && resolution !== "node10" && resolution !== "node16-cjs";
  });
  expect(found).toEqual([]);
  expect("entrypoints" in analysis && Object.keys(analysis.entrypoints).length).toBeGreaterThan(10);
});

test("the package contains its documentation, without broken links", async () => {
  const pages = files.filter((file) => file.startsWith("docs/"));
  expect(pages).toEqual(expect.arrayContaining(["docs/llms.txt", "docs/client.md", "docs/guides/existing-project.md"]));
  expect(new Set(pages.map((page) => page.toLowerCase())).size, "names that differ without regard to case").toBe(pages.length);
  expect(await findBrokenLinks(join(folder, "docs"))).toEqual([]);
  const read = (path: string) => readFile(path, "utf8");
  expect(await read(join(folder, "docs/testing.md"))).toBe(await read(join(root, "docs/testing.md")));
  const { size } = await stat(tarball);
  console.log(`the packed package: ${size} bytes`);
  expect(size).toBeLessThan(550_000);
});

test("the package contains its README and licences, and no tests", () => {
  const others = files.filter((file) => !/^(?:dist|docs|src)\//u.test(file)).sort();
  expect(others).toEqual(["LICENSE-APACHE", "LICENSE-MIT", "README.md", "package.json"]);
  expect(files.filter((file) => !file.startsWith("docs/") && /\btest\b|tsbuildinfo/u.test(file))).toEqual([]);
});

test("every source map refers to a file of the package", async () => {
  const maps = files.filter((file) => file.endsWith(".map"));
  const missing: string[] = [];
  for (const file of maps) {
    const map = JSON.parse(await readFile(join(folder, file), "utf8")) as { sources: string[]; sourceRoot?: string };
    const sources = map.sources.map((source) => join(dirname(file), map.sourceRoot ?? "", source));
    missing.push(...sources.filter((source) => !files.includes(source)).map((source) => `${file}: ${source}`));
  }
  expect(missing).toEqual([]);
  const mapped = (suffix: string) => files.filter((file) => file.startsWith("dist/") && file.endsWith(suffix)).length;
  expect(maps).toHaveLength(mapped(".js") + mapped(".d.ts"));
});

test("the package describes itself", async () => {
  const workspace = JSON.parse(await readFile(join(root, "package.json"), "utf8")) as Record<string, unknown>;
  const cargo = await readFile(join(root, "Cargo.toml"), "utf8");
  expect(manifest).toMatchObject({
    version: /^version = "(.+)"$/mu.exec(cargo)?.[1],
    license: workspace["license"],
    repository: { directory: "runtime/typescript" },
    sideEffects: false,
  });
  expect(Object.keys(manifest)).toEqual(expect.arrayContaining(["description", "keywords", "homepage", "bugs", "engines"]));
  // Users would install what only the project's own tests need.
  expect(manifest).not.toHaveProperty("dependencies");
});

test("the README shows the definition and the page of the project's README", async () => {
  const read = async (path: string) => {
    const text = await readFile(path, "utf8");
    const blocks = [...text.matchAll(/^```(?:yaml|ts)\n(?:(?:#|\/\/) \S+\n)?(.*?)^```$/gmsu)];
    return blocks.map((match) => match[1] ?? "");
  };
  const own = await read(join(folder, "README.md"));
  expect(own).toHaveLength(2);
  expect(await read(join(root, "README.md"))).toEqual(expect.arrayContaining(own));
});
