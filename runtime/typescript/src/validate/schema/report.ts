/** Readers of JSON values, and the issues that they report. */

import { fullPointer, MAX_ISSUES, describeValue } from "./issue.js";
import type { Memory } from "./memory.js";

/**
 * Reads a JSON value. Returns `undefined` if the output is the value itself, so that it is not copied;
 * the output if it differs; or {@link REJECTED}, after it has added an issue to the report.
 */
export type Reader = (value: unknown, report: Report) => unknown;

/** Returned by a reader for a value that it does not accept, or whose output is a promise. */
export const REJECTED: unique symbol = Symbol("rejected");

/** Returned by a reader if the output is `undefined`. */
export const NOTHING: unique symbol = Symbol("nothing");

/** Returns the output for a value, given what its reader returned. */
export function outputOf(value: unknown, result: unknown): unknown {
  return result === undefined ? value : result === NOTHING ? undefined : result;
}

/** The maximum number of levels of nested arrays and objects. */
export const MAX_DEPTH = 127;

/** An issue whose path is not complete yet, or a promise of an outcome. */
export interface Found {
  /** The steps of the path, innermost first, so that containers append theirs. */
  readonly path: PropertyKey[];
  readonly rule: string;
  readonly message: string;
  /** The value at the path; `undefined` if there is none. */
  readonly value: unknown;
  /** An issue that another library reported, in its own form. */
  readonly foreign?: object | undefined;
  /** The outcome for this path, once it is known. */
  readonly promise?: Promise<Outcome> | undefined;
}

/** The output for a value, and its issues. */
export interface Outcome {
  readonly value: unknown;
  readonly found: readonly Found[];
}

/** An alternative of a union. */
export interface Alternative {
  readonly read: Reader;
  /** Returns the names of the values that it accepts: `null`, `a string`, `an object with "kind": "cat"`. */
  readonly names: (levels: number) => readonly string[];
}

/** The handling of promises, which only schemas of another library return. */
export interface Promises {
  /** Returns the result of a container, whose issues and promises begin at `since`. */
  settle(output: unknown, report: Report, since: number): typeof REJECTED;
  /** Reads a value as one of several alternatives. */
  choose(alternatives: readonly Alternative[], isExclusive: boolean, read: Reader, value: unknown, report: Report): typeof REJECTED;
}

/** The issues of one value. Readers compare the length of `found` to learn whether a part added issues. */
export class Report {
  readonly found: Found[] = [];
  /** The number of arrays and objects around the value that is being read. */
  depth = 0;
  /** Only the verdict matters: issues are not described, and readers may stop at the first. */
  isQuiet = false;
  /** There are more issues than are reported: readers stop. */
  isFull = false;
  /** The number of issues above which they are counted again without duplicates. */
  #enough = MAX_ISSUES;
  /** The issues are those of an alternative, and explain its union. Unions inside it give no reasons. */
  isReason = false;
  /** The depth of the value that may also be `null`; -1 if there is none. */
  nullableDepth = -1;
  /** The number of readers around this one that read a value several times. */
  level = 0;
  /** The results of earlier visits, once values may be read often. */
  memory: Memory | undefined;
  /** The report of the same validation that waits for this part. */
  outer: Report | undefined;
  /** The wire profile applies to every part, including those that the schema ignores. */
  isPayload = false;
  /** Whether `Object.prototype` has enumerable properties, so that own ones must be distinguished. */
  readonly isPolluted = hasPollution();

  constructor(
    /** The context for schemas of another library. */
    readonly context?: unknown,
    /** Whether outputs are encoded back to inputs: 64-bit integers become strings. */
    readonly isBackward = false,
    /** The handling of promises, if readers may return any. */
    readonly promises?: Promises,
  ) {}

  /** Whether the value that is being read may be `null` in addition to what its schema allows. */
  get allowsNull(): boolean {
    return this.depth === this.nullableDepth;
  }

  add(rule: string, message: string, value: unknown): typeof REJECTED {
    this.found.push(this.isQuiet ? SOMETHING : { path: [], rule, message, value });
    return REJECTED;
  }

  /** Adds an issue for a missing property of the object that is being read. */
  missing(name: string, rule = "required", message = "is required"): typeof REJECTED {
    this.found.push(this.isQuiet ? SOMETHING : { path: [name], rule, message, value: undefined });
    return REJECTED;
  }

  /** Adds `key` to the path of the issues found since `since`. */
  under(key: PropertyKey, since: number): void {
    for (let index = since; index < this.found.length && !this.isQuiet; index++) {
      this.found[index]?.path.push(key);
    }
  }

  /**
   * Returns `true` if a container, whose issues begin at `start`, has more issues than are reported.
   * Drops duplicates.
   */
  overflows(start: number): boolean {
    if (!this.isFull && this.found.length - start > this.#enough) {
      const found = dropDuplicates(this.found.splice(start));
      this.found.push(...found);
      const issues = found.filter(({ promise }) => promise === undefined);
      this.isFull = issues.length > MAX_ISSUES;
      if (issues.length < found.length) {
        // Promises stay, and would otherwise be searched again for each issue.
        this.#enough = 2 * found.length;
      }
    }
    return this.isFull;
  }

  /** Returns the result of a container that has issues or promises. */
  reject(output: unknown, since: number): typeof REJECTED {
    return this.promises === undefined ? REJECTED : this.promises.settle(output, this, since);
  }

  /** Returns a separate report for a part that is read separately. */
  part(): Report {
    const part = new Report(this.context, this.isBackward, this.promises);
    part.depth = this.depth;
    part.isPayload = this.isPayload;
    part.isReason = this.isReason;
    part.level = this.level;
    part.memory = this.memory;
    part.outer = this.outer;
    return part;
  }
}

/** Drops duplicate issues. Those of another library all count as distinct. */
export function dropDuplicates(all: readonly Found[]): Found[] {
  const seen = new Set<string>();
  return all.filter(({ path, rule, message, value, foreign, promise }) => {
    if (foreign !== undefined || promise !== undefined) {
      return true;
    }
    const key = JSON.stringify([fullPointer(path.slice().reverse()), rule, message, describeValue(value)]);
    return !seen.has(key) && seen.add(key);
  });
}

export const SOMETHING: Found = { path: [], rule: "", message: "", value: undefined };

/** Returns the result of a reader. Leaves the report unchanged. */
export function attempt(reader: Reader, value: unknown, report: Report): unknown {
  const since = report.found.length;
  const { isQuiet, depth } = report;
  report.isQuiet = true;
  const output = reader(value, report);
  report.isQuiet = isQuiet;
  // A reader that stops early does not reset the depth.
  report.depth = depth;
  report.found.length = since;
  return output;
}

/** Sets an own property, even one called `__proto__`. */
export function setOwn(object: Record<string, unknown>, name: string, value: unknown): void {
  if (name === "__proto__") {
    Object.defineProperty(object, name, { value, writable: true, enumerable: true, configurable: true });
  } else {
    object[name] = value;
  }
}

const EMPTY = {};

function hasPollution(): boolean {
  for (const _ in EMPTY) {
    return true;
  }
  return false;
}
