/** Promises, which schemas of another library may return. Validators without such schemas do not load this module. */

import { rejectSeveral, rejectUnmatched } from "./alternatives.js";
import { memoryOf, shouldMemoize } from "./memory.js";
import { type Alternative, type Found, type Outcome, outputOf, type Promises, type Reader, REJECTED, type Report, setOwn, SOMETHING } from "./report.js";

/** The handling of promises, for a report whose readers may return any. */
export const promises: Promises = {
  settle: (output, report, since) =>
    report.found.some((found, index) => index >= since && found.promise)
      ? wait(settle(output, report.found.splice(since)), report)
      : REJECTED,
  choose: (alternatives, isExclusive, read, value, report) =>
    wait(chooseOnce(read, value, report, () => chooseAsync(alternatives, isExclusive, value, report)), report),
};

/** Adds a promise of the outcome for the current path. */
export function wait(promise: Promise<Outcome>, report: Report): typeof REJECTED {
  report.found.push({ ...SOMETHING, path: [], promise });
  return REJECTED;
}

/** Awaits the promises found in a value, and puts their outputs in place. */
export async function settle(output: unknown, all: readonly Found[]): Promise<Outcome> {
  const root: Record<string, unknown> = { value: output };
  const parts = await Promise.all(all.map(async (found) => ({ found, outcome: await found.promise })));
  const found = parts.flatMap(({ found, outcome }) => {
    if (outcome === undefined) {
      return [found];
    }
    // A reader that stopped at too many issues has no output to put the parts in.
    if (output !== REJECTED || found.path.length === 0) {
      put(root, [...found.path, "value"], outcome.value);
    }
    return outcome.found.map((inner) => ({ ...inner, path: [...inner.path, ...found.path] }));
  });
  return { value: root["value"], found };
}

function put(root: Record<string, unknown>, path: readonly PropertyKey[], value: unknown): void {
  let parent: unknown = root;
  for (const key of path.slice(1).reverse()) {
    parent = (parent as Record<PropertyKey, unknown>)[key];
  }
  const [last] = path;
  if (last !== undefined) {
    setOwn(parent as Record<string, unknown>, last as string, value);
  }
}

function chooseOnce(read: Reader, value: unknown, report: Report, choose: () => Promise<Outcome>): Promise<Outcome> {
  if (!shouldMemoize(value, report)) {
    return choose();
  }
  const memory = memoryOf(report);
  const known = memory.recall(read, value, report);
  return known ? (known.result as Promise<Outcome>) : memory.keep(read, value, report, report.found.length, choose());
}

/** Does the same as the readers of unions, if alternatives may return promises. */
async function chooseAsync(alternatives: readonly Alternative[], isExclusive: boolean, value: unknown, report: Report): Promise<Outcome> {
  memoryOf(report);
  // The report changes while this waits.
  const here = report.part();
  here.nullableDepth = report.nullableDepth;
  here.level++;
  const outcomes = new Map<Alternative, Outcome>();
  for (const alternative of alternatives) {
    const part = here.part();
    part.isReason = true;
    const outcome = await settle(outputOf(value, alternative.read(value, part)), part.found);
    outcomes.set(alternative, outcome);
    if (!isExclusive && outcome.found.length === 0) {
      return outcome;
    }
  }
  const foundBy = (alternative: Alternative): readonly Found[] => outcomes.get(alternative)?.found ?? [];
  const accepting = [...outcomes.values()].filter(({ found }) => found.length === 0);
  const [first] = accepting;
  if (first !== undefined && accepting.length === 1) {
    return first;
  }
  const result =
    first === undefined
      ? rejectUnmatched(isExclusive ? "oneOf" : "anyOf", alternatives, value, here, foundBy)
      : rejectSeveral(alternatives, value, here, (alternative) => foundBy(alternative).length === 0);
  return settle(result, here.found);
}
