// Usage: node quicktype.mjs <input> <output> <language>
// A document with only definitions has no root type, so this adds one with a property for each definition.

import { readFileSync, writeFileSync } from "node:fs";
import { FetchingJSONSchemaStore, InputData, JSONSchemaInput, quicktype } from "quicktype-core";

const [input, output, lang] = process.argv.slice(2);
const document = JSON.parse(readFileSync(input, "utf8"));
const names = Object.keys(document.definitions);
const properties = Object.fromEntries(names.map((name) => [name, { $ref: `#/definitions/${name}` }]));
const schemaInput = new JSONSchemaInput(new FetchingJSONSchemaStore());
await schemaInput.addSource({ name: "Types", schema: JSON.stringify({ ...document, type: "object", properties }) });
const inputData = new InputData();
inputData.addInput(schemaInput);
const { lines } = await quicktype({ inputData, lang });
writeFileSync(output, lines.join("\n"));
