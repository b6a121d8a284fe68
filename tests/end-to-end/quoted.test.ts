import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { compile } from "svelte/compiler";
import { expect, test } from "vitest";
import { root } from "./support/paths.js";

const folders = ["quoted", "quoted/guides", "frameworks/vue", "frameworks/svelte", "frameworks/solid"];
const documents = [
  "README",
  "docs/client",
  "docs/definition",
  "docs/frameworks",
  "docs/guides/nextjs",
  "docs/guides/sveltekit",
  "docs/guides/vite",
  "docs/testing",
  "docs/tokens",
];

test.each(documents)(
  "the code in %s.md is part of files that are type-checked, or run in a browser",
  async (document) => {
    const checked = (await Promise.all(folders.map(readFiles))).flat();
    const text = await readFile(join(root, `${document}.md`), "utf8");
    const blocks = [...text.matchAll(/^```(?:tsx?|vue|svelte)\n(.*?)^```$/gmsu)].map((match) => match[1] ?? "");
    // A block is a whole file, or the part of a function.
    const unchecked = blocks.filter(
      (block) => !checked.some((file) => file === block || file.includes(`\n${indent(block)}`)),
    );
    expect(blocks).not.toEqual([]);
    expect(unchecked).toEqual([]);
  },
);

test("the component of the guide for SvelteKit compiles for the browser and the server", async () => {
  const component = await readFile(join(root, "tests/end-to-end/quoted/guides/+page.svelte"), "utf8");
  const compiled = (["client", "server"] as const).map((generate) => compile(component, { generate }));
  expect(compiled.flatMap(({ warnings }) => warnings)).toEqual([]);
});

async function readFiles(folder: string): Promise<string[]> {
  const path = join(root, "tests/end-to-end", folder);
  const files = (await readdir(path)).filter((file) => /\.(?:tsx?|vue|svelte)$/u.test(file));
  return Promise.all(files.map((file) => readFile(join(path, file), "utf8")));
}

function indent(block: string): string {
  return block.replaceAll(/^(?=.)/gmu, "  ");
}
