/** Schemas without a library: a reader, the names of the values, and the interface of Standard Schema. */

import type { Define } from "../create.js";
import type { Access, Kind } from "../kind.js";
import { describeValue, MAX_ISSUES, MORE_ISSUES, pointer, sortIssues } from "../schema/issue.js";
import { dropDuplicates, type Found, outputOf, type Reader, Report } from "../schema/report.js";
import type { StandardIssue, StandardResult, StandardSchema } from "../standard-schema.js";

/** Returns a function that creates schemas of a kind. */
export const define: Define = (name, kind) => (definition) => new PlainSchema(name, kind as Kind<object>, definition) as never;

/** Returns the definition of a schema. */
export function definitionOf(schema: object): never {
  return (schema as PlainSchema).definition as never;
}

class PlainSchema implements StandardSchema {
  readonly "~standard": StandardSchema["~standard"];
  #reader: Reader | undefined;

  constructor(
    readonly name: string,
    readonly kind: Kind<object>,
    readonly definition: object,
  ) {
    this["~standard"] = { version: 1, vendor: "fanfare", validate: (value) => this.#validate(value) };
  }

  get reader(): Reader {
    if (this.#reader === undefined) {
      let created: Reader | undefined;
      // Recursive references get this reader while the schema's own is being created.
      this.#reader = (value, report) => (created as Reader)(value, report);
      created = this.kind.read(this.definition, access) as Reader;
      this.#reader = created;
    }
    return this.#reader;
  }

  #validate(value: unknown): StandardResult<unknown> {
    const report = new Report();
    const result = this.reader(value, report);
    return report.found.length === 0 ? { value: outputOf(value, result) } : { issues: issuesOf(report.found) };
  }
}

const access = {
  readerOf: ({ reader }: PlainSchema) => reader,
  partsOf: (schema: PlainSchema) => schema,
  absenceOf: ({ kind }: PlainSchema) => (kind.type === "optional" ? "optional" : "required"),
  isNever: ({ kind }: PlainSchema) => kind.type === "never",
} as Access;

/** Returns the issues sorted, without duplicates, and up to the limit. */
function issuesOf(all: readonly Found[]): StandardIssue[] {
  const found = all.length > MAX_ISSUES ? dropDuplicates(all) : all;
  const issues = sortIssues(found.slice(0, MAX_ISSUES).map(issueOf), ({ path, message, params }) => ({
    path: pointer(path),
    message,
    ...params,
  }));
  const { rule, message } = MORE_ISSUES;
  return found.length > MAX_ISSUES ? [...issues, { path: [], message, params: { rule } }] : issues;
}

interface PlainIssue extends StandardIssue {
  readonly path: readonly PropertyKey[];
  readonly params: { readonly rule: string; readonly value?: string };
}

function issueOf({ path, rule, message, value }: Found): PlainIssue {
  const short = describeValue(value);
  return { path: path.slice().reverse(), message, params: short === undefined ? { rule } : { rule, value: short } };
}
