import { existsSync } from "node:fs";
import { readFile, readdir, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { findBrokenLinks } from "./support/links.js";
import { root } from "./support/paths.js";
import { unpack } from "./support/project.js";
import { run } from "./support/run.js";

interface Crate {
  readonly name: string;
  readonly version: string;
  readonly publish: readonly string[] | null;
  readonly manifest_path: string;
  readonly dependencies: readonly { readonly name: string; readonly kind: string | null; readonly path?: string }[];
  readonly [key: string]: unknown;
}

// Not in `dist`, because the audit reads every lock file outside of `target`.
const target = join(root, "target/crates");
let crates: readonly Crate[];

beforeAll(async () => {
  const output = await run(root, "cargo", ["metadata", "--no-deps", "--offline", "--format-version=1"]);
  const { packages } = JSON.parse(output) as { packages: Crate[] };
  crates = packages.filter(({ publish }) => publish === null);
  await rm(target, { recursive: true, force: true });
  // As release.yml does.
  await run(root, "node", ["packages/docs.mjs", "runtime/rust/docs"]);
  await run(root, "node", ["packages/docs.mjs", "codegen/docs", "Definitions"]);
  // Without compiling them: the tests of the workspace have compiled the same files.
  const selected = crates.flatMap(({ name }) => ["--package", name]);
  const options = ["--no-verify", "--offline", "--allow-dirty", "--quiet", "--target-dir", target];
  await run(root, "cargo", ["package", ...options, ...selected]);
  for (const crate of crates) {
    await unpack(join(target, "package", `${crate.name}-${crate.version}.crate`), folderOf(crate));
  }
});

test("these crates are published", () => {
  expect(crates.map(({ name }) => name).sort()).toEqual([
    "fanfare",
    "fanfare-cli",
    "fanfare-codegen",
    "fanfare-pattern",
    "fanfare-schema",
  ]);
});

test("a crate contains its sources, README and licences, and no tests of the repository", async () => {
  for (const crate of crates) {
    const files = await readdir(folderOf(crate), { recursive: true, withFileTypes: true });
    const names = files.filter((file) => file.isFile()).map((file) => join(file.parentPath, file.name));
    const others = names
      .map((name) => name.slice(folderOf(crate).length + 1))
      .filter((name) => !/^(?:docs|src|studio|templates)\//u.test(name))
      .sort();
    expect(others, crate.name).toEqual([
      ".cargo_vcs_info.json",
      "Cargo.lock",
      "Cargo.toml",
      "Cargo.toml.orig",
      "LICENSE-APACHE",
      "LICENSE-MIT",
      "README.md",
    ]);
    for (const file of ["LICENSE-APACHE", "LICENSE-MIT"]) {
      expect(await readFile(join(folderOf(crate), file), "utf8")).toBe(await readFile(join(root, file), "utf8"));
    }
  }
});

test("the server and the compiler contain their documentation, without broken links", async () => {
  const pages = { fanfare: "runs.md", "fanfare-codegen": "definition.md" };
  for (const [name, page] of Object.entries(pages)) {
    const docs = join(target, "unpacked", name, "docs");
    expect(await readdir(docs)).toEqual(expect.arrayContaining(["llms.txt", page]));
    expect(await findBrokenLinks(docs)).toEqual([]);
  }
});

test("a crate compiles without files of the repository", async () => {
  const missing: string[] = [];
  for (const crate of crates) {
    for (const file of await readdir(join(folderOf(crate), "src"), { recursive: true })) {
      // `include_str!("../../docs/…")` works in a checkout only, unless a test of the module contains it.
      const text = file.endsWith(".rs") ? await readFile(join(folderOf(crate), "src", file), "utf8") : "";
      const code = text.split(/^#\[cfg\((?:all\()?test\b/mu)[0] ?? "";
      for (const [, path = ""] of code.matchAll(/include_(?:str|bytes)!\("([^"]+)"/gu)) {
        if (!existsSync(join(folderOf(crate), "src", dirname(file), path))) {
          missing.push(`${crate.name}: ${file} includes ${path}`);
        }
      }
    }
  }
  expect(missing).toEqual([]);
});

test("a crate describes itself", () => {
  for (const crate of crates) {
    for (const key of ["description", "documentation", "homepage", "license", "readme", "repository", "rust_version"]) {
      expect(crate[key], `${key} of ${crate.name}`).toEqual(expect.any(String));
    }
    for (const key of ["keywords", "categories"]) {
      expect((crate[key] as unknown[]).length, `${key} of ${crate.name}`).toBeGreaterThan(0);
      expect((crate[key] as unknown[]).length, `${key} of ${crate.name}`).toBeLessThanOrEqual(5);
    }
  }
});

test("the documented order of publishing respects the dependencies", async () => {
  const text = await readFile(join(root, "docs/versioning.md"), "utf8");
  const order = [...text.matchAll(/^\d\. `(fanfare[a-z-]*)`/gmu)].map((match) => match[1]);
  expect([...order].sort()).toEqual(crates.map(({ name }) => name).sort());
  for (const crate of crates) {
    const needed = crate.dependencies.filter(({ kind, path }) => kind !== "dev" && path !== undefined);
    for (const { name } of needed) {
      expect(order.indexOf(name), `${name} comes before ${crate.name}`).toBeLessThan(order.indexOf(crate.name));
    }
  }
});

function folderOf(crate: Crate): string {
  return join(target, "unpacked", crate.name);
}
