import { join } from "node:path";
import { build } from "esbuild";
import { describe, expect, test } from "vitest";
import { serve, showsStatus } from "./support/browser.js";
import { addresses, gzipSize, Project, properties } from "./support/project.js";

const names = [...Object.values(addresses), ...properties];

describe.each(["vite", "webpack", "rollup", "esbuild"])("%s", (bundler) => {
  test("builds a page that works, without the channels that it does not import", async () => {
    const project = await Project.create(bundler);
    await project.addReadmePage();
    await project.npm("build");
    const bundle = await project.readScripts("public");
    expect(names.filter((name) => bundle.includes(name))).toEqual([addresses.pipeline]);
    await using server = await serve(join(project.folder, "public"));
    await showsStatus(project, server.url);
  });
});

test("each further channel adds less than 1 KB", async () => {
  const project = await Project.create("esbuild", "sizes");
  const sizes: number[] = [];
  let bundle = "";
  const channels = Object.keys(addresses);
  for (const count of channels.keys()) {
    const imports = channels.slice(0, count + 1).join(", ");
    const contents = `import { subscribe } from "fanfare";
      import { ${imports} } from "./generated/typescript/index.js";
      console.log(subscribe, ${imports});`;
    const { outputFiles } = await build({
      stdin: { contents, resolveDir: project.folder },
      bundle: true,
      minify: true,
      format: "esm",
      write: false,
    });
    bundle = outputFiles[0]?.text ?? "";
    sizes.push(gzipSize(bundle));
  }
  // The names are in a bundle that imports all channels, so the tests above can find them.
  expect(names.filter((name) => !bundle.includes(name))).toEqual([]);
  const added = sizes.slice(1).map((size, index) => size - (sizes[index] ?? 0));
  expect(added).toHaveLength(3);
  expect(Math.max(...added)).toBeLessThan(1024);
  console.log(`the first channel and the client: ${sizes[0]} bytes; others add ${added.join(", ")} bytes (gzip)`);
});
