/** Alternatives, tagged or not, and `null` or nothing beside something else. */

import { isObject, json, refuseType } from "./json.js";
import { memoryOf, remembers } from "./memory.js";
import { attempt, type Outcome, outputOf, type Reader, REFUSED, type Report, settled } from "./report.js";
import { choice, listed } from "./words.js";

/** A value that at least one alternative accepts; it is read as the first that does. */
export function anyOf(alternatives: readonly Reader[]): Reader {
  return union(alternatives, false, (value, report) => {
    for (const alternative of alternatives) {
      const output = attempt(alternative, value, report);
      if (output !== REFUSED) {
        return output;
      }
    }
    return refuseAll(false, value, report);
  });
}

/** A value that exactly one alternative accepts. */
export function oneOf(alternatives: readonly Reader[]): Reader {
  return union(alternatives, true, (value, report) => {
    let accepted: unknown = REFUSED;
    for (const alternative of alternatives) {
      const output = attempt(alternative, value, report);
      if (output !== REFUSED && accepted !== REFUSED) {
        return refuseAll(true, value, report);
      }
      accepted = output === REFUSED ? accepted : output;
    }
    return accepted === REFUSED ? refuseAll(true, value, report) : accepted;
  });
}

/** A reader of alternatives that reads each value once, if it may be asked often, and that may wait. */
function union(alternatives: readonly Reader[], isExclusive: boolean, choose: Reader): Reader {
  const read: Reader = (value, report) => {
    report.level++;
    const result = choose(value, report);
    report.level--;
    return result;
  };
  return (value, report) => {
    if (report.isAsync) {
      return report.wait(chosenOnce(read, value, report, () => chosen(alternatives, isExclusive, value, report)));
    }
    return remembers(value, report) ? memoryOf(report).readOnce(read, value, report) : read(value, report);
  };
}

function chosenOnce(read: Reader, value: unknown, report: Report, choose: () => Promise<Outcome>): Promise<Outcome> {
  if (!remembers(value, report)) {
    return choose();
  }
  const memory = memoryOf(report);
  const known = memory.recall(read, value, report);
  return known ? (known.result as Promise<Outcome>) : memory.keep(read, value, report, report.found.length, choose());
}

/** Like the readers above, where alternatives may be promises. */
async function chosen(alternatives: readonly Reader[], isExclusive: boolean, value: unknown, report: Report): Promise<Outcome> {
  memoryOf(report);
  // The report moves on while this waits.
  const here = report.part();
  here.level++;
  const accepting: Outcome[] = [];
  for (const alternative of alternatives) {
    const part = here.part();
    const outcome = await settled(outputOf(value, alternative(value, part)), part.found);
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
  return settled(refuseAll(isExclusive, value, part), part.found);
}

function refuseAll(isExclusive: boolean, value: unknown, report: Report): typeof REFUSED {
  if (value === undefined) {
    return report.add("required", "is required", undefined);
  }
  return isExclusive
    ? report.add("oneOf", "must match exactly one of the alternatives", value)
    : report.add("anyOf", "must match one of the alternatives", value);
}

/** A value of the schema, or `null`. */
export function nullable(inner: Reader): Reader {
  return (value, report) => (value === null ? undefined : inner(value, report));
}

/** A value of the schema, or nothing. */
export function optional(inner: Reader): Reader {
  return (value, report) => (value === undefined ? undefined : inner(value, report));
}

/** A reader that is looked up when it is first used. */
export function lazy(look: () => Reader): Reader {
  let inner: Reader | undefined;
  return (value, report) => {
    inner ??= look();
    return inner(value, report);
  };
}

/** An object whose own string property `tag` says which case it is; an open one takes objects with other tags as they are. */
export function tagged(tag: string, cases: ReadonlyMap<string, Reader>, isOpen: boolean): Reader {
  const names = [...cases.keys()];
  const isInherited = tag in Object.prototype;
  return (value, report) => {
    if (!isObject(value)) {
      return refuseType("must be an object", value, report);
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
      refuseType("must be a string", name, report);
    } else {
      report.add(choice(names), listed(names), name);
    }
    report.under(tag, since);
    return REFUSED;
  };
}

/** A whole payload: the wire profile binds also what the schema does not look at. */
export function payload(inner: Reader): Reader {
  return (value, report) => {
    const { isPayload } = report;
    report.isPayload = !report.isBackward;
    const output = inner(value, report);
    report.isPayload = isPayload;
    return output;
  };
}
