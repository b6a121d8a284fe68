import { pointer } from "./schema/issue.js";

/**
 * The part of [Standard Schema](https://standardschema.dev) that this library uses. zod, valibot, arktype
 * and others implement it, so this library imports none of them.
 */
export interface StandardSchema<Input = unknown, Output = Input> {
  readonly "~standard": {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (
      value: unknown,
    ) => StandardResult<Output> | Promise<StandardResult<Output>>;
    readonly types?: { readonly input: Input; readonly output: Output } | undefined;
  };
}

/** The result of a validator: the value, or the issues. */
export type StandardResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly StandardIssue[] };

/** One violation of a schema by a value. */
export interface StandardIssue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

/** One violation of the definition by a payload. */
export interface PayloadIssue {
  /** A JSON Pointer into the payload: `/progress`. */
  readonly path: string;
  readonly message: string;
  /** The keyword that is violated, if known: `maximum`. */
  readonly rule?: string;
  /** The value at the path, abbreviated. */
  readonly value?: string;
}

/** The value as it is on the wire. */
export type InferInput<Schema extends StandardSchema> = NonNullable<
  Schema["~standard"]["types"]
>["input"];

/** The value after validation. */
export type InferOutput<Schema extends StandardSchema> = NonNullable<
  Schema["~standard"]["types"]
>["output"];

/**
 * Accepts every string, and every stream, because Inngest's SDK validates the stream itself when it
 * publishes one.
 */
export const TEXT: StandardSchema<string> = Object.freeze({
  "~standard": Object.freeze({
    version: 1,
    vendor: "fanfare",
    validate: (value: unknown): StandardResult<string> =>
      typeof value === "string" || value instanceof ReadableStream
        ? { value: value as string }
        : { issues: [{ message: "must be a string" }] },
  }),
});

/** Validates a value. Never throws or rejects: a validator that does so counts as an issue. */
export function validate(
  schema: StandardSchema,
  data: unknown,
): StandardResult<unknown> | Promise<StandardResult<unknown>> {
  try {
    const result: unknown = schema["~standard"].validate(data);
    // A promise of another realm or library is not an instance of this realm's `Promise`.
    return isThenable(result)
      ? Promise.resolve(result).then(toResult).catch(failedValidator)
      : toResult(result);
  } catch (cause) {
    return failedValidator(cause);
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as { then?: unknown } | null | undefined)?.then === "function";
}

/** Reads the whole result, so that throwing getters and malformed issues count as a failed validator. */
function toResult(result: unknown): StandardResult<unknown> {
  if (typeof result !== "object" || result === null) {
    return failedValidator("it returned no result");
  }
  const { issues, value } = result as { readonly issues?: readonly StandardIssue[]; readonly value?: unknown };
  if (issues === undefined) {
    return { value };
  }
  describeIssues(issues);
  return { issues };
}

/** Returns the issue of a validator that threw. */
function failedValidator(cause: unknown): { issues: readonly StandardIssue[] } {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return { issues: [{ message: `the validator failed: ${reason}` }] };
}

/** Returns one line for error messages: `/progress must be at most 100, got 101; /message is required`. */
export function describeIssues(issues: readonly StandardIssue[]): string {
  return issues.map(describeIssue).join("; ");
}

function describeIssue(issue: StandardIssue): string {
  const path = pathOf(issue);
  const { rule, value } = detailsOf(issue);
  // Only the messages of our own validators continue a sentence that begins with the path.
  if (typeof rule !== "string") {
    return path === "" ? issue.message : `${path}: ${issue.message}`;
  }
  const got = typeof value === "string" ? `, got ${value}` : "";
  return `${path === "" ? "the value" : path} ${issue.message}${got}`;
}

/** Returns the path of an issue as a JSON Pointer. */
function pathOf({ path = [] }: StandardIssue): string {
  return pointer(path.map((step) => (typeof step === "object" ? step.key : step)));
}

/** Returns the members that our validators add to an issue. */
function detailsOf(issue: StandardIssue): { readonly rule?: unknown; readonly value?: unknown } {
  const { params } = issue as { readonly params?: unknown };
  return typeof params === "object" && params !== null ? params : {};
}

/** Converts an issue of a validator to the form that the server uses. */
export function payloadIssue(issue: StandardIssue): PayloadIssue {
  const { rule, value } = detailsOf(issue);
  return {
    path: pathOf(issue),
    message: issue.message,
    ...(typeof rule === "string" ? { rule } : {}),
    ...(typeof value === "string" ? { value } : {}),
  };
}
