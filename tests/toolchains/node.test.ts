import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { addHub } from "./support/browser.js";
import { isOnPath } from "./support/find.js";
import { Project } from "./support/project.js";

const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
const stripsTypes = major > 23 || (major === 23 && minor >= 6) || (major === 22 && minor >= 18);

test("Node.js runs generated modules as they are", async () => {
  const project = await Project.create("node");
  const hub = await addHub(project);
  expect(await project.npm("start", { env: { NODE_OPTIONS: `--import ${hub}` } })).toBe("Writing (40%)\n");
});

test("Node.js requires the package from CommonJS", async () => {
  const project = await Project.create("node", "node-commonjs");
  const code = 'console.log(typeof require("fanfare").subscribe, typeof require("./generated/typescript/index.js").pipeline)';
  // Node.js 20 warns that this is experimental.
  expect(await project.run("node", ["--no-warnings", "--eval", code, "--input-type=commonjs"])).toBe("function function\n");
});

test("Node.js loads every entry point whose framework is installed", async () => {
  const project = await Project.create("node", "node-entries");
  const { exports } = JSON.parse(await readFile(join(project.folder, "node_modules/fanfare/package.json"), "utf8")) as {
    exports: Record<string, unknown>;
  };
  const entries = Object.keys(exports).filter((entry) => !entry.endsWith(".json"));
  expect(entries.length).toBeGreaterThan(10);
  const code = entries.map((entry) => `await import(${JSON.stringify(entry.replace(".", "fanfare"))});`).join("\n");
  await project.run("node", ["--input-type=module", "--eval", code]);
});

test("Node.js runs generated TypeScript without a build", async ({ skip }) => {
  skip(!stripsTypes, `Node.js ${process.versions.node} does not strip types, 22.18 does`);
  const project = await Project.create("node-types");
  const hub = await addHub(project);
  expect(await project.npm("start", { env: { NODE_OPTIONS: `--import ${hub}` } })).toContain("Writing (40%)\n");
});

// They are too large to be installed with the packages of these tests.
const others = {
  bun: ["run", "--preload"],
  deno: ["run", "--allow-env", "--allow-net", "--no-remote", "--node-modules-dir=manual", "--preload"],
};

test.for(Object.entries(others))("%s runs generated modules as they are", async ([program, args], { skip }) => {
  skip(!isOnPath(program), `${program} is not on the search path`);
  const project = await Project.create("node", program);
  expect(await project.run(program, [...args, await addHub(project), "main.js"])).toContain("Writing (40%)\n");
});
