import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { root } from "./support/paths.js";

const folder = join(root, "tests/end-to-end/quoted");

test.each(["README.md", "docs/client.md", "docs/definition.md", "docs/tokens.md"])(
  "the code in %s is part of the type-checked files in quoted/",
  async (document) => {
    const files = (await readdir(folder)).filter((file) => /\.tsx?$/u.test(file));
    const checked = await Promise.all(files.map((file) => readFile(join(folder, file), "utf8")));
    const text = await readFile(join(root, document), "utf8");
    const blocks = [...text.matchAll(/^```tsx?\n(.*?)^```$/gmsu)].map((match) => match[1] ?? "");
    // A block is a whole file, or the part of a function.
    const unchecked = blocks.filter(
      (block) => !checked.some((file) => file === block || file.includes(`\n${indent(block)}`)),
    );
    expect(blocks).not.toEqual([]);
    expect(unchecked).toEqual([]);
  },
);

function indent(block: string): string {
  return block.replaceAll(/^(?=.)/gmu, "  ");
}
