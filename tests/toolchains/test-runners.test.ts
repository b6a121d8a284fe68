import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { root } from "./support/paths.js";
import { Project } from "./support/project.js";

// The changes that Jest needs in the test of `docs/testing.md`.
const changes: Record<string, readonly (readonly [string, string])[]> = {
  jest: [
    ['"vitest"', '"@jest/globals"'],
    ["./Review.js", "./Review"],
  ],
  vitest: [],
};

describe.each(Object.entries(changes))("%s", (runner, replacements) => {
  test("runs the component test of the documentation", async () => {
    const project = await Project.create(runner);
    for (const file of ["Review.tsx", "Review.test.tsx"]) {
      const text = await readFile(join(root, "tests/end-to-end/quoted", file), "utf8");
      await writeFile(
        join(project.folder, file),
        replacements.reduce((changed, [from, to]) => changed.replace(from, to), text),
      );
    }
    expect(await project.npm("test")).toMatch(/\b3 passed\b/u);
  });
});
