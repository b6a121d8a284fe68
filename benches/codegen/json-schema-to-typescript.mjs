// Usage: node json-schema-to-typescript.mjs <input> <output>

import { compile } from "json-schema-to-typescript";
import { readFileSync, writeFileSync } from "node:fs";

const [input, output] = process.argv.slice(2);
const document = JSON.parse(readFileSync(input, "utf8"));
writeFileSync(output, await compile(document, "Types", { unreachableDefinitions: true }));
