import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { root } from "./support/paths.js";

test("the client code in the README is the code that is type-checked", async () => {
  const readme = await readFile(join(root, "README.md"), "utf8");
  const quoted = /^```ts\n(\/\/ main\.ts\n.*?)^```$/msu.exec(readme)?.[1];
  const checked = await readFile(join(root, "tests/end-to-end/readme/main.ts"), "utf8");
  expect(quoted).toBe(checked);
});
