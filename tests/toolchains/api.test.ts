import { Extractor, ExtractorConfig, ExtractorLogLevel } from "@microsoft/api-extractor";
import { mkdir, readFile, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { dist, root } from "./support/paths.js";

const project = join(root, "runtime/typescript");
const reports = join(project, "api");
const drafts = join(dist, "api");
const logLevel = ExtractorLogLevel.None;
const { exports } = JSON.parse(await readFile(join(project, "package.json"), "utf8")) as {
  exports: Record<string, string | { types: string }>;
};
const entries = Object.entries(exports).flatMap(([name, entry]) =>
  typeof entry === "string" ? [] : [{ name: name === "." ? "fanfare" : name.slice(2), types: entry.types }],
);

beforeAll(async () => {
  await rm(drafts, { recursive: true, force: true });
  await mkdir(drafts, { recursive: true });
  await mkdir(reports, { recursive: true });
});

test.each(entries)("the types of $name are those of the report", async ({ name, types }) => {
  const file = `${name}.api.md`;
  const messages: string[] = [];
  const result = Extractor.invoke(prepare(file, join(project, types)), {
    localBuild: process.env["UPDATE"] !== undefined,
    messageCallback: (message) => {
      message.handled = true;
      if (message.logLevel === ExtractorLogLevel.Error) {
        messages.push(message.text);
      }
    },
  });
  expect(messages).toEqual([]);
  const help = "a change that breaks users? `UPDATE=1 npm test --workspace fanfare-toolchains -- api` accepts it";
  expect(await readFile(join(reports, file), "utf8"), help).toBe(await readFile(join(drafts, file), "utf8"));
  expect(result.succeeded).toBe(true);
});

test("each report belongs to an entry point", async () => {
  expect((await readdir(reports)).sort()).toEqual(entries.map(({ name }) => `${name}.api.md`).sort());
});

/** The settings of a report of one entry point, with the types that it uses without exporting them. */
function prepare(reportFileName: string, mainEntryPointFilePath: string): ExtractorConfig {
  return ExtractorConfig.prepare({
    configObjectFullPath: undefined,
    packageJsonFullPath: join(project, "package.json"),
    configObject: {
      projectFolder: project,
      mainEntryPointFilePath,
      compiler: {
        overrideTsconfig: {
          extends: join(project, "tsconfig.json"),
          compilerOptions: { rootDir: project, types: ["node"] },
          files: [mainEntryPointFilePath],
          include: [],
        },
      },
      apiReport: {
        enabled: true,
        reportFileName,
        reportFolder: reports,
        reportTempFolder: drafts,
        includeForgottenExports: true,
      },
      messages: {
        compilerMessageReporting: { default: { logLevel: ExtractorLogLevel.Error } },
        extractorMessageReporting: { default: { logLevel } },
        tsdocMessageReporting: { default: { logLevel } },
      },
    },
  });
}
