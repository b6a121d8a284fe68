/** Conversion of issues: from readers to zod, and from zod to users. */

import type * as core from "zod/v4/core";

import { sortIssues, type Issue, MAX_ISSUES, MORE_ISSUES, pointer, describeValue } from "../schema/issue.js";
import { dropDuplicates, type Found } from "../schema/report.js";

export type { Issue };

/** Converts the issues of readers to zod's raw issues: sorted, without duplicates, and up to the limit. */
export function rawIssues(all: readonly Found[]): core.$ZodRawIssue[] {
  let foreign = 0;
  const found = all.length > MAX_ISSUES ? dropDuplicates(all) : all;
  const issues = sortIssues(found.slice(0, MAX_ISSUES).map(rawIssue), (issue) => {
    const ours = issueOf(issue as core.$ZodIssue);
    // Zod's own issues have no messages yet, so each counts as distinct.
    return ours.rule === "custom" || issue.code !== "custom" ? { ...ours, value: `${foreign++}` } : ours;
  });
  if (found.length > MAX_ISSUES) {
    const { rule, message } = MORE_ISSUES;
    issues.push({ code: "custom", input: undefined, path: [], message, params: { rule } });
  }
  return issues;
}

function rawIssue({ path, rule, message, value, foreign }: Found): core.$ZodRawIssue {
  const outer = path.slice().reverse();
  if (foreign !== undefined) {
    const issue = foreign as core.$ZodRawIssue;
    return { ...issue, path: [...outer, ...(issue.path ?? [])] };
  }
  const short = describeValue(value);
  return { code: "custom", input: value, path: outer, message, params: short === undefined ? { rule } : { rule, value: short } };
}

/**
 * Returns the issues of a failed parse as Rust reports them: with JSON Pointers, keywords (`rule`) and
 * values, sorted by path. If there are more than 20, a last one with the rule `issues` says so.
 *
 * @example
 * const result = StatusSchema.safeParse(value);
 * if (!result.success) console.table(f.issues(result.error));
 * // { path: "/progress", rule: "maximum", message: "must be at most 100", value: "101" }
 */
export function issues(error: { readonly issues: readonly core.$ZodIssue[] }): Issue[] {
  const all = error.issues.flatMap((issue) =>
    issue.code === "unrecognized_keys"
      ? issue.keys.map((name) => ({ path: pointer([...issue.path, name]), rule: "additionalProperties", message: issue.message }))
      : [issueOf(issue)],
  );
  const ordered = sortIssues(all.filter(({ path, rule }) => path !== MORE_ISSUES.path || rule !== MORE_ISSUES.rule), (issue) => issue);
  const hasMore = ordered.length > MAX_ISSUES || all.some(({ path, rule }) => path === MORE_ISSUES.path && rule === MORE_ISSUES.rule);
  return hasMore ? [...ordered.slice(0, MAX_ISSUES), { ...MORE_ISSUES }] : ordered;
}

function issueOf(issue: core.$ZodIssue): Issue {
  const base = { path: pointer(issue.path), rule: ruleOf(issue), message: issue.message };
  const value: unknown = issue.code === "custom" ? issue.params?.["value"] : undefined;
  return typeof value === "string" ? { ...base, value } : base;
}

function ruleOf(issue: core.$ZodIssue): string {
  switch (issue.code) {
    case "custom": {
      const rule: unknown = issue.params?.["rule"];
      return typeof rule === "string" ? rule : "custom";
    }
    case "invalid_type":
      return "type";
    case "invalid_value":
      return issue.values.length === 1 ? "const" : "enum";
    default:
      return issue.code;
  }
}
