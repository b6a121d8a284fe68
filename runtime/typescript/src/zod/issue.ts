/** What is wrong with a value, in the words that the Rust side uses. */

import type * as z from "zod";

/** A schema's own issues, before zod completes them. */
export type Payload = z.core.ParsePayload;

/** One reason why a value is not accepted. */
export interface Issue {
  /** Where, as a JSON pointer; empty for the whole value. */
  path: string;
  /** The JSON Schema keyword that is broken. */
  rule: string;
  /** What the value must be: `must be at most 100`. */
  message: string;
}

/** Adds an issue to what a schema has found. */
export function refuse(payload: Payload, rule: string, message: string, path: PropertyKey[] = []): void {
  payload.issues.push({ code: "custom", input: payload.value, path, message, params: { rule } });
}

/** Refuses a value that has another type than it should, or is not there. */
export function refuseType(payload: Payload, thing: string): void {
  if (payload.value === undefined) {
    refuse(payload, "required", "is required");
  } else {
    refuse(payload, "type", `must be ${thing}`);
  }
}

/** The words for zod's own issues: a value of another type, or not there. */
export function mustBe(thing: string): (issue: { readonly code?: string | undefined; readonly input?: unknown }) => string {
  return (issue) => {
    if (issue.code === "unrecognized_keys") {
      return "is not allowed";
    }
    return issue.input === undefined ? "is required" : `must be ${thing}`;
  };
}

/** `1 item`, `2 items`. */
export function counted(count: number, thing: string): string {
  return `${count} ${thing}${count === 1 ? "" : "s"}`;
}

/** `must be 1` or `must be one of 1, 2`. */
export function listed(choices: readonly unknown[]): string {
  const texts = choices.map((choice) => JSON.stringify(choice));
  if (texts.length === 0) {
    return "is not allowed";
  }
  return texts.length === 1 ? `must be ${texts[0]}` : `must be one of ${texts.join(", ")}`;
}

/**
 * The issues of a failed parse with JSON pointers and rules, as the Rust side
 * reports them.
 *
 * @example
 * const result = StatusSchema.safeParse(value);
 * if (!result.success) console.table(f.issues(result.error));
 */
export function issues(error: { readonly issues: readonly z.core.$ZodIssue[] }): Issue[] {
  return error.issues.flatMap((issue) => {
    if (issue.code === "unrecognized_keys") {
      return issue.keys.map((name) => ({
        path: pointer([...issue.path, name]),
        rule: "additionalProperties",
        message: issue.message,
      }));
    }
    return [{ path: pointer(issue.path), rule: ruleOf(issue), message: issue.message }];
  });
}

function ruleOf(issue: z.core.$ZodIssue): string {
  if (issue.code === "custom") {
    const rule: unknown = issue.params?.["rule"];
    return typeof rule === "string" ? rule : "custom";
  }
  if (issue.message === "is required") {
    return "required";
  }
  switch (issue.code) {
    case "invalid_type":
      return issue.expected === "never" ? "not" : "type";
    case "invalid_value":
      return issue.values.length === 1 ? "const" : "enum";
    default:
      return issue.code;
  }
}

function pointer(path: readonly PropertyKey[]): string {
  return path.map((step) => `/${String(step).replaceAll("~", "~0").replaceAll("/", "~1")}`).join("");
}
