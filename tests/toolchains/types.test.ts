import { readFile, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { expect, test } from "vitest";
import { Project } from "./support/project.js";

const require = createRequire(import.meta.url);
const compilers = {
  "5": join(require.resolve("typescript-5/package.json"), "../bin/tsc"),
  "7": join(require.resolve("typescript/package.json"), "../bin/tsc"),
};

const outputs = {
  js: "",
  ts: "    style: ts\n",
  "ts without extensions": "    style: ts\n    imports: none\n",
  "ts with extensions": "    style: ts\n    imports: ts\n",
};

const modules = {
  bundler: { module: "esnext", moduleResolution: "bundler" },
  nodenext: { module: "nodenext", moduleResolution: "nodenext" },
  node16: { module: "node16", moduleResolution: "node16" },
};

// A page has no types of Node.js, and a backend has no DOM.
const platforms = {
  page: { lib: ["es2023", "dom", "dom.iterable"], types: [] },
  backend: { lib: ["es2023"], types: ["node"] },
};

type Case = [keyof typeof compilers, keyof typeof outputs, keyof typeof modules, keyof typeof platforms];

const cases: Case[] = [
  ["5", "js", "bundler", "page"],
  ["5", "js", "nodenext", "page"],
  ["5", "js", "node16", "backend"],
  ["7", "js", "bundler", "page"],
  ["7", "js", "nodenext", "page"],
  ["7", "js", "node16", "page"],
  ["7", "js", "nodenext", "backend"],
  ["7", "ts", "nodenext", "page"],
  ["7", "ts with extensions", "nodenext", "page"],
  ["7", "ts without extensions", "bundler", "page"],
];

test.each(cases)("TypeScript %s accepts %s with the resolution %s in a %s", async (compiler, output, resolution, platform) => {
  const project = await createProject(`${compiler}-${output.replaceAll(" ", "-")}-${resolution}-${platform}`, output);
  await writeFile(join(project.folder, `tsconfig.json`), configuration(output, resolution, platform));
  await project.run("node", [compilers[compiler]]);
});

test("the types are not `any`", async () => {
  const project = await createProject("wrong", "js");
  await writeFile(join(project.folder, "tsconfig.json"), configuration("js", "bundler", "page"));
  await writeFile(
    join(project.folder, "wrong.ts"),
    `import { subscribe } from "fanfare";
import { pipeline } from "./generated/typescript/index.js";
pipeline({ runId: 42 });
for await (const message of await subscribe({ channel: pipeline({ runId: "run_42" }), token: "a.b.c" })) {
  message.data.progress.length;
}
`,
  );
  const failure: unknown = await project.run("node", [compilers["7"]]).catch((error: unknown) => error);
  expect(String(failure)).toContain("wrong.ts(3,12): error TS2322");
  expect(String(failure)).toContain("wrong.ts(5,25): error TS2339");
});

async function createProject(name: string, output: keyof typeof outputs): Promise<Project> {
  const project = await Project.create("types", `types-${name}`, outputs[output]);
  const extension = { js: ".js", ts: ".js", "ts with extensions": ".ts", "ts without extensions": "" }[output];
  for (const file of ["page.tsx", "backend.ts"]) {
    const path = join(project.folder, file);
    const text = await readFile(path, "utf8");
    const generated = text.replaceAll('"INDEX"', `"./generated/typescript/index${extension}"`);
    await writeFile(path, generated.replace('"ZOD"', `"./generated/typescript/app.zod${extension}"`));
  }
  return project;
}

function configuration(
  output: keyof typeof outputs,
  resolution: keyof typeof modules,
  platform: keyof typeof platforms,
): string {
  return JSON.stringify({
    compilerOptions: {
      target: "es2023",
      ...modules[resolution],
      ...platforms[platform],
      jsx: "react-jsx",
      strict: true,
      exactOptionalPropertyTypes: true,
      noUncheckedIndexedAccess: true,
      verbatimModuleSyntax: true,
      isolatedModules: true,
      allowImportingTsExtensions: output === "ts with extensions",
      skipLibCheck: false,
      noEmit: true,
    },
    include: platform === "page" ? ["page.tsx", "wrong.ts", "generated"] : ["backend.ts", "generated"],
  });
}
