import { describeIssues, validate } from "../validate/standard-schema.js";
import type { StandardIssue, StandardSchema } from "../validate/standard-schema.js";

/** Thrown if a test publishes a payload that does not match the definition. */
export class InvalidPayloadError extends Error {
  override readonly name = "InvalidPayloadError";

  constructor(
    /** Where the payload was used: `topic "status" of the channel "pipeline:run_42"`. */
    readonly target: string,
    readonly issues: readonly StandardIssue[],
  ) {
    super(`The payload for ${target} is invalid: ${describeIssues(issues)}`);
  }
}

/** Returns a payload as JSON, as a server would send it. Throws if the schema refuses it. */
export function checkPayload(schema: StandardSchema | undefined, payload: unknown, target: string): unknown {
  const text = JSON.stringify(payload);
  if (text === undefined) {
    throw new InvalidPayloadError(target, [{ message: "the value is not JSON" }]);
  }
  const json: unknown = JSON.parse(text);
  const result = schema && validate(schema, json);
  if (result instanceof Promise) {
    throw new TypeError(`The schema of ${target} validates asynchronously; the test hub needs one that is synchronous`);
  }
  if (result?.issues !== undefined) {
    throw new InvalidPayloadError(target, result.issues);
  }
  return json;
}
