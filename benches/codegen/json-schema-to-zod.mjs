// Usage: node json-schema-to-zod.mjs <input> <output>
// The library does not follow references, so a reference becomes the name of its target.

import { jsonSchemaToZod } from "json-schema-to-zod";
import { readFileSync, writeFileSync } from "node:fs";

const [input, output] = process.argv.slice(2);
const { definitions } = JSON.parse(readFileSync(input, "utf8"));
const parserOverride = (schema) =>
  typeof schema.$ref === "string" ? `z.lazy(() => ${schema.$ref.split("/").pop()})` : undefined;
const modules = Object.entries(definitions).map(([name, schema]) =>
  jsonSchemaToZod(schema, { name, module: "esm", noImport: true, parserOverride }),
);
writeFileSync(output, `import { z } from "zod";\n${modules.join("\n")}`);
