/** Readers of alternatives, optional and nullable values. */

import { isObject, json, rejectType } from "./json.js";
import { memoryOf, shouldMemoize } from "./memory.js";
import { choiceKeyword, choiceMessage } from "./messages.js";
import { attempt, type Outcome, outputOf, type Reader, REJECTED, type Report, settle } from "./report.js";

/** Reads a value as the first alternative that accepts it. */
export function union(alternatives: readonly Reader[]): Reader {
  return readerOfChoice(alternatives, false, (value, report) => {
    for (const alternative of alternatives) {
      const output = attempt(alternative, value, report);
      if (output !== REJECTED) {
        return output;
      }
    }
    return rejectAll(false, value, report);
  });
}

/** Reads a value that exactly one alternative accepts. */
export function xor(alternatives: readonly Reader[]): Reader {
  return readerOfChoice(alternatives, true, (value, report) => {
    let accepted: unknown = REJECTED;
    for (const alternative of alternatives) {
      const output = attempt(alternative, value, report);
      if (output !== REJECTED && accepted !== REJECTED) {
        return rejectAll(true, value, report);
      }
      accepted = output === REJECTED ? accepted : output;
    }
    return accepted === REJECTED ? rejectAll(true, value, report) : accepted;
  });
}

/**
 * Returns a reader of alternatives that memoizes values that may be read often, and that supports
 * promises.
 */
function readerOfChoice(alternatives: readonly Reader[], isExclusive: boolean, choose: Reader): Reader {
  const read: Reader = (value, report) => {
    report.level++;
    const result = choose(value, report);
    report.level--;
    return result;
  };
  return (value, report) => {
    if (report.isAsync) {
      return report.wait(chooseOnce(read, value, report, () => chooseAsync(alternatives, isExclusive, value, report)));
    }
    return shouldMemoize(value, report) ? memoryOf(report).readOnce(read, value, report) : read(value, report);
  };
}

function chooseOnce(read: Reader, value: unknown, report: Report, choose: () => Promise<Outcome>): Promise<Outcome> {
  if (!shouldMemoize(value, report)) {
    return choose();
  }
  const memory = memoryOf(report);
  const known = memory.recall(read, value, report);
  return known ? (known.result as Promise<Outcome>) : memory.keep(read, value, report, report.found.length, choose());
}

/** Does the same as the readers above, if alternatives may return promises. */
async function chooseAsync(alternatives: readonly Reader[], isExclusive: boolean, value: unknown, report: Report): Promise<Outcome> {
  memoryOf(report);
  // The report changes while this waits.
  const here = report.part();
  here.level++;
  const accepting: Outcome[] = [];
  for (const alternative of alternatives) {
    const part = here.part();
    const outcome = await settle(outputOf(value, alternative(value, part)), part.found);
    if (outcome.found.length === 0) {
      accepting.push(outcome);
    }
    if (accepting.length > (isExclusive ? 1 : 0)) {
      break;
    }
  }
  const [first] = accepting;
  if (first !== undefined && accepting.length === 1) {
    return first;
  }
  const part = here.part();
  return settle(rejectAll(isExclusive, value, part), part.found);
}

function rejectAll(isExclusive: boolean, value: unknown, report: Report): typeof REJECTED {
  if (value === undefined) {
    return report.add("required", "is required", undefined);
  }
  return isExclusive
    ? report.add("oneOf", "must match exactly one of the alternatives", value)
    : report.add("anyOf", "must match one of the alternatives", value);
}

/** Reads a value of the schema, or `null`. */
export function nullable(inner: Reader): Reader {
  return (value, report) => (value === null ? undefined : inner(value, report));
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
  const names = [...cases.keys()];
  const isInherited = tag in Object.prototype;
  return (value, report) => {
    if (!isObject(value)) {
      return rejectType("must be an object", value, report);
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
    if (typeof name !== "string") {
      rejectType("must be a string", name, report);
    } else {
      report.add(choiceKeyword(names), choiceMessage(names), name);
    }
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
