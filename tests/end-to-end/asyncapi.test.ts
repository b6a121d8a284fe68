import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { DiagnosticSeverity, Parser } from "@asyncapi/parser";
import { expect, test } from "vitest";
import { root } from "./support/paths.js";

const golden = join(root, "tests/compiler/golden");
const parser = new Parser();

test.each(await readdir(golden))("AsyncAPI's parser accepts the exported document of %s", async (name) => {
  const text = await readFile(join(golden, name, "asyncapi.yaml"), "utf8");
  const { document, diagnostics } = await parser.parse(withoutReservedNames(text));
  expect(diagnostics.filter(({ severity }) => severity === DiagnosticSeverity.Error)).toEqual([]);
  expect(document?.channels().all().length).toBeGreaterThan(0);
});

test("topics are sent, and signals are received", async () => {
  const text = await readFile(join(golden, "signals", "asyncapi.yaml"), "utf8");
  const { document } = await parser.parse(text);
  const names = (action: "isSend" | "isReceive") =>
    document
      ?.operations()
      .all()
      .filter((operation) => operation[action]())
      .flatMap((operation) => operation.messages().all())
      .map((message) => message.name());
  expect(names("isSend")).toEqual(["result", "draft", "tick", "state", "grown"]);
  expect(names("isReceive")).toContain("approve");
});

/** Renames properties that the parser cannot read: members of every JavaScript object, and `$ref` with a schema. */
function withoutReservedNames(text: string): string {
  return text
    .replaceAll("hasOwnProperty", "has-own-property")
    .replaceAll("__proto__", "proto")
    .replaceAll(/\$ref:$/gmu, "ref:");
}
