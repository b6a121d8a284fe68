/**
 * Issues of values that match no alternative of a union, or several.
 *
 * The message names the alternatives, and gives the reason why the nearest one rejects the value. An
 * alternative is not near if it rejects the type of the value, or the value is not one of its constants.
 * Among the others, the nearest has the fewest issues that suggest another object: its own properties that
 * are missing, not allowed or another constant. Then it is the one with the fewest issues, and then the
 * first. The reason is its first issue, in the order of paths. Reasons are computed only for issues that
 * are reported, and the unions inside a reason give none, so the time is linear in the size of the value.
 * Rust does the same.
 */

import { type Issue, MAX_ISSUES, describeValue, pointer, sortIssues } from "./issue.js";
import { memoryOf } from "./memory.js";
import { join } from "./messages.js";
import { type Alternative, dropDuplicates, type Found, type Reader, REJECTED, type Report } from "./report.js";

/** The number of levels of unions inside an alternative that are named alternative by alternative. */
const MAX_LEVELS = 2;

/** The maximum number of names, or of matching alternatives, that a message lists. */
const MAX_LISTED = 5;

/** Reports a value that no alternative accepts. `collect` returns the issues of an alternative. */
export function rejectUnmatched<Each extends Pick<Alternative, "names">>(
  rule: "anyOf" | "oneOf",
  alternatives: readonly Each[],
  value: unknown,
  report: Report,
  collect: (alternative: Each) => readonly Found[],
): typeof REJECTED {
  if (value === undefined) {
    return report.add("required", "is required", undefined);
  }
  if (report.isQuiet) {
    return report.add("", "", undefined);
  }
  let message = requirement([...(report.allowsNull ? ["null"] : []), ...alternatives.flatMap((alternative) => alternative.names(MAX_LEVELS))]);
  if (!report.isReason) {
    const rejections = alternatives.map((alternative) => rejectionOf(alternative, collect(alternative)));
    message += describeNearest(rejections.filter((rejection) => rejection !== undefined));
  }
  return report.add(rule, message, value);
}

/** Reports a value that several alternatives accept. */
export function rejectSeveral<Each extends Pick<Alternative, "names">>(
  alternatives: readonly Each[],
  value: unknown,
  report: Report,
  accepts: (alternative: Each) => boolean,
): typeof REJECTED {
  if (report.isQuiet) {
    return report.add("", "", undefined);
  }
  const matching = alternatives.flatMap((alternative, index) =>
    accepts(alternative) ? [`${index + 1} (${list(alternative.names(MAX_LEVELS))})`] : [],
  );
  return report.add("oneOf", `must match exactly one alternative, but matches alternatives ${join(matching, MAX_LISTED, "and")}`, value);
}

/** Returns the issues of an alternative. They do not become part of the report. */
export function collectIssues(reader: Reader, value: unknown, report: Report): readonly Found[] {
  memoryOf(report);
  const part = report.part();
  part.isReason = true;
  reader(value, part);
  return part.found;
}

/** Returns the distinct names, with `null` first. */
function list(names: readonly string[]): string {
  const first = names.includes("null") ? ["null"] : [];
  return join([...new Set([...first, ...names])], MAX_LISTED, "or");
}

function requirement(names: readonly string[]): string {
  return names.length === 0 ? "is not allowed" : `must be ${list(names)}`;
}

/** The issues of an alternative that accepts the type of the value. */
interface Rejection {
  readonly name: string;
  readonly first: Issue;
  /** The number of issues that suggest another object. */
  readonly suggesting: number;
  /** The number of all issues. */
  readonly count: number;
}

function rejectionOf({ names }: Pick<Alternative, "names">, all: readonly Found[]): Rejection | undefined {
  if (all.some(({ foreign, promise }) => foreign !== undefined || promise !== undefined)) {
    // The issues of other libraries have no messages yet.
    return undefined;
  }
  const distinct = dropDuplicates(all);
  const issues = sortIssues(distinct.slice(0, MAX_ISSUES).map(issueOf), (issue) => issue);
  const [first] = issues;
  // The message of an alternative that is a union itself.
  const required = requirement(names(MAX_LEVELS + 1));
  if (first === undefined || issues.some((issue) => rejectsType(issue, required))) {
    return undefined;
  }
  const count = issues.length + (distinct.length > MAX_ISSUES ? 1 : 0);
  return { name: list(names(MAX_LEVELS)), first, suggesting: issues.filter(suggestsAnotherObject).length, count };
}

function issueOf({ path, rule, message, value }: Found): Issue {
  const short = describeValue(value);
  return { path: pointer(path.slice().reverse()), rule, message, ...(short !== undefined && { value: short }) };
}

/**
 * Returns `true` if the value itself has the wrong type, is another constant, or has an issue that would
 * only repeat the requirement.
 */
function rejectsType({ path, rule, message }: Issue, required: string): boolean {
  return path === "" && (["type", "enum", "const", "required"].includes(rule) || message === "is not allowed" || message === required);
}

function suggestsAnotherObject({ path, rule }: Issue): boolean {
  return path.lastIndexOf("/") === 0 && ["required", "additionalProperties", "unevaluatedProperties", "enum", "const"].includes(rule);
}

function describeNearest(rejections: readonly Rejection[]): string {
  const [nearest] = rejections.slice().sort((one, other) => one.suggesting - other.suggesting || one.count - other.count);
  if (nearest === undefined) {
    return "";
  }
  const { name, first } = nearest;
  return ` (nearest: ${name}, but ${first.path === "" ? "it" : first.path} ${first.message})`;
}
