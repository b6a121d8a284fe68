/** Readers of alternatives, optional and nullable values. */

import { collectIssues, rejectSeveral, rejectUnmatched } from "./alternatives.js";
import { isObject, json, rejectType } from "./json.js";
import { memoryOf, shouldMemoize } from "./memory.js";
import { choiceRejecter } from "./messages.js";
import { type Alternative, attempt, type Reader, REJECTED } from "./report.js";

/** Reads a value as the first alternative that accepts it. */
export function union(alternatives: readonly Alternative[]): Reader {
  return readerOfChoice(alternatives, false, (value, report) => {
    for (const { read } of alternatives) {
      const output = attempt(read, value, report);
      if (output !== REJECTED) {
        return output;
      }
    }
    return rejectUnmatched("anyOf", alternatives, value, report, ({ read }) => collectIssues(read, value, report));
  });
}

/** Reads a value that exactly one alternative accepts. */
export function xor(alternatives: readonly Alternative[]): Reader {
  return readerOfChoice(alternatives, true, (value, report) => {
    let accepted: unknown = REJECTED;
    for (const { read } of alternatives) {
      const output = attempt(read, value, report);
      if (output !== REJECTED && accepted !== REJECTED) {
        return rejectSeveral(alternatives, value, report, ({ read }) => attempt(read, value, report) !== REJECTED);
      }
      accepted = output === REJECTED ? accepted : output;
    }
    return accepted === REJECTED
      ? rejectUnmatched("oneOf", alternatives, value, report, ({ read }) => collectIssues(read, value, report))
      : accepted;
  });
}

/**
 * Returns a reader of alternatives that memoizes values that may be read often, and that supports
 * promises.
 */
function readerOfChoice(alternatives: readonly Alternative[], isExclusive: boolean, choose: Reader): Reader {
  const read: Reader = (value, report) => {
    report.level++;
    const result = choose(value, report);
    report.level--;
    return result;
  };
  return (value, report) => {
    if (report.promises !== undefined) {
      return report.promises.choose(alternatives, isExclusive, read, value, report);
    }
    return shouldMemoize(value, report) ? memoryOf(report).readOnce(read, value, report) : read(value, report);
  };
}

/** Reads a value of the schema, or `null`. */
export function nullable(inner: Reader): Reader {
  return (value, report) => {
    if (value === null) {
      return undefined;
    }
    const { nullableDepth } = report;
    report.nullableDepth = report.depth;
    const result = inner(value, report);
    report.nullableDepth = nullableDepth;
    return result;
  };
}

/** Reads a value of the schema, or `undefined`. */
export function optional(inner: Reader): Reader {
  return (value, report) => (value === undefined ? undefined : inner(value, report));
}

/** Returns a reader that is created on first use. */
export function lazy(create: () => Reader): Reader {
  let inner: Reader | undefined;
  return (value, report) => {
    inner ??= create();
    return inner(value, report);
  };
}

/**
 * Reads an object whose own string property `tag` selects the case. If `isOpen`, objects with other
 * tags are accepted unchanged.
 */
export function discriminatedUnion(tag: string, cases: ReadonlyMap<string, Reader>, isOpen: boolean): Reader {
  const rejectTag = choiceRejecter([...cases.keys()]);
  const isInherited = tag in Object.prototype;
  return (value, report) => {
    if (!isObject(value)) {
      return rejectType("an object", value, report);
    }
    const name = (isInherited || report.isPolluted) && !Object.hasOwn(value, tag) ? undefined : value[tag];
    const found = typeof name === "string" ? cases.get(name) : undefined;
    if (found !== undefined) {
      return found(value, report);
    }
    if (isOpen && typeof name === "string") {
      return json(value, report);
    }
    const since = report.found.length;
    const { nullableDepth } = report;
    // The object may be `null`, but not its tag.
    report.nullableDepth = -1;
    if (typeof name !== "string") {
      rejectType("a string", name, report);
    } else {
      rejectTag(name, report);
    }
    report.nullableDepth = nullableDepth;
    report.under(tag, since);
    return REJECTED;
  };
}

/** Reads a whole payload. Parts that the schema ignores must conform to the wire profile, too. */
export function payload(inner: Reader): Reader {
  return (value, report) => {
    const { isPayload } = report;
    report.isPayload = !report.isBackward;
    const output = inner(value, report);
    report.isPayload = isPayload;
    return output;
  };
}
