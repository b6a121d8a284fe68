import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { root } from "./support/paths.js";

test.each([
  ["README.md", "main.ts"],
  ["docs/client.md", "Progress.tsx"],
  ["docs/client.md", "store.ts"],
  ["docs/definition.md", "validators.ts"],
])("the code in %s is the type-checked code in quoted/%s", async (document, file) => {
  const text = await readFile(join(root, document), "utf8");
  const quoted = [...text.matchAll(/^```tsx?\n(.*?)^```$/gmsu)].map((match) => match[1]);
  expect(quoted).toContain(await readFile(join(root, "tests/end-to-end/quoted", file), "utf8"));
});
