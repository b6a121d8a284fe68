import { pointer } from "./schema/issue.js";

/**
 * The part of [Standard Schema](https://standardschema.dev) that this library
 * needs. zod, valibot, arktype and others implement it, so that no validation
 * library has to be imported here.
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

/** What a validator answers: the value, or the issues that speak against it. */
export type StandardResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly StandardIssue[] };

/** One reason why a value was refused. */
export interface StandardIssue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

/** One reason why a payload was refused. */
export interface PayloadIssue {
  /** A JSON pointer into the payload: `/progress`. */
  readonly path: string;
  readonly message: string;
  /** The rule that is broken, as far as it is known: `maximum`. */
  readonly rule?: string;
  /** What stands there, in short. */
  readonly value?: string;
}

/** The value as it travels on the wire. */
export type InferInput<Schema extends StandardSchema> = NonNullable<
  Schema["~standard"]["types"]
>["input"];

/** The value as it is after validation. */
export type InferOutput<Schema extends StandardSchema> = NonNullable<
  Schema["~standard"]["types"]
>["output"];

/** Accepts every string. So that it can publish a text stream, Inngest's SDK has it check the stream itself. */
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

/** What a schema says of a value, whatever its validator does. */
export function validate(
  schema: StandardSchema,
  data: unknown,
): StandardResult<unknown> | Promise<StandardResult<unknown>> {
  try {
    const result: unknown = schema["~standard"].validate(data);
    // A promise of another realm or library is none of this realm's `Promise`.
    return isThenable(result)
      ? Promise.resolve(result).then(asResult).catch(failedValidator)
      : asResult(result);
  } catch (cause) {
    return failedValidator(cause);
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as { then?: unknown } | null | undefined)?.then === "function";
}

/** Reads the result here, so that a getter that throws or malformed issues count as a failed validator. */
function asResult(result: unknown): StandardResult<unknown> {
  if (typeof result !== "object" || result === null) {
    return failedValidator("it gave no result");
  }
  const { issues, value } = result as { readonly issues?: readonly StandardIssue[]; readonly value?: unknown };
  if (issues === undefined) {
    return { value };
  }
  describeIssues(issues);
  return { issues };
}

/** A validator that throws has not accepted the value. */
function failedValidator(cause: unknown): { issues: readonly StandardIssue[] } {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return { issues: [{ message: `the validator failed: ${reason}` }] };
}

/** One line for error messages: `/progress must be at most 100, got 101; /message is required`. */
export function describeIssues(issues: readonly StandardIssue[]): string {
  return issues.map(describeIssue).join("; ");
}

function describeIssue(issue: StandardIssue): string {
  const path = pointer((issue.path ?? []).map((step) => (typeof step === "object" ? step.key : step)));
  const { rule, value } = detailsOf(issue);
  // Only the messages of our own validators are made to follow what they speak of.
  if (typeof rule !== "string") {
    return path === "" ? issue.message : `${path}: ${issue.message}`;
  }
  const got = typeof value === "string" ? `, got ${value}` : "";
  return `${path === "" ? "the value" : path} ${issue.message}${got}`;
}

/** What our validators add to an issue. */
function detailsOf(issue: StandardIssue): { readonly rule?: unknown; readonly value?: unknown } {
  const { params } = issue as { readonly params?: unknown };
  return typeof params === "object" && params !== null ? params : {};
}

/** An issue of a validator as the server tells its own. */
export function payloadIssue({ message, path = [], ...others }: StandardIssue): PayloadIssue {
  const { rule, value } = (others as { readonly params?: Partial<PayloadIssue> }).params ?? {};
  return {
    path: pointer(path.map((step) => (typeof step === "object" ? step.key : step))),
    message,
    ...(typeof rule === "string" ? { rule } : {}),
    ...(typeof value === "string" ? { value } : {}),
  };
}
