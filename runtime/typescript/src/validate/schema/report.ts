/** What a reader is, and what it finds wrong with a value. */

import { longPointer, MAX_ISSUES, shown } from "./issue.js";
import type { Memory } from "./memory.js";

/**
 * Reads a JSON value. Returns `undefined` where it may stay as it is, so that it is handed on and not
 * copied; what it becomes otherwise; or {@link REFUSED}, after it has told the report what is wrong.
 */
export type Reader = (value: unknown, report: Report) => unknown;

/** What a reader returns for a value that it does not accept, or on which it waits. */
export const REFUSED: unique symbol = Symbol("refused");

/** What a reader returns for a value that becomes `undefined`. */
export const NOTHING: unique symbol = Symbol("nothing");

/** What a value becomes by what a reader returned for it. */
export function outputOf(value: unknown, result: unknown): unknown {
  return result === undefined ? value : result === NOTHING ? undefined : result;
}

/** How many arrays and objects may be nested in each other. */
export const MAX_DEPTH = 127;

/** An issue, or the promise of some, before its path is known in full. */
export interface Found {
  /** The steps to the place, innermost first, so that parents need only append theirs. */
  readonly path: PropertyKey[];
  readonly rule: string;
  readonly message: string;
  /** What stands there; `undefined` where nothing does. */
  readonly value: unknown;
  /** An issue that another library found, in its own shape. */
  readonly foreign?: object | undefined;
  /** What this place becomes, as soon as it is known. */
  readonly promise?: Promise<Outcome> | undefined;
}

/** What a value becomes, and what is wrong with it. */
export interface Outcome {
  readonly value: unknown;
  readonly found: readonly Found[];
}

/** What is found in one value. Readers compare the length of `found` to learn whether a part added issues. */
export class Report {
  readonly found: Found[] = [];
  /** How many arrays and objects enclose the place that is being read. */
  depth = 0;
  /** Only the verdict counts: issues are not described, and readers may stop at the first. */
  isQuiet = false;
  /** More was found than is reported: readers stop. */
  isFull = false;
  /** Fewer than this need not be looked through again for more issues than are reported. */
  #enough = MAX_ISSUES;
  /** How many readers enclose this one that read a value several times. */
  level = 0;
  /** What was read at nested levels, as soon as that may be often. */
  memory: Memory | undefined;
  /** The report of the same validation that waits while this part is read. */
  outer: Report | undefined;
  /** The wire profile binds every part, also those that the schema does not look at. */
  isPayload = false;
  /** Whether somebody gave all objects enumerable properties: then own ones must be told apart. */
  readonly isPolluted = hasPollution();

  constructor(
    /** What the schemas of another library are run with. */
    readonly context: unknown,
    /** Whether readers may wait for promises. */
    readonly isAsync: boolean,
    /** Reads what a schema puts out, not what it takes in: 64-bit integers are written back to strings. */
    readonly isBackward: boolean,
  ) {}

  add(rule: string, message: string, value: unknown): typeof REFUSED {
    this.found.push(this.isQuiet ? SOMETHING : { path: [], rule, message, value });
    return REFUSED;
  }

  /** An issue of a property that is not there, in the object that is being read. */
  missing(name: string, rule = "required", message = "is required"): typeof REFUSED {
    this.found.push(this.isQuiet ? SOMETHING : { path: [name], rule, message, value: undefined });
    return REFUSED;
  }

  /** Says that what was found since then stands under `key`. */
  under(key: PropertyKey, since: number): void {
    for (let index = since; index < this.found.length && !this.isQuiet; index++) {
      this.found[index]?.path.push(key);
    }
  }

  /**
   * Whether a container, whose issues begin at `start`, has more of them than are reported. Issues that are
   * there twice count once and are dropped.
   */
  overflows(start: number): boolean {
    if (!this.isFull && this.found.length - start > this.#enough) {
      const found = distinct(this.found.splice(start));
      this.found.push(...found);
      const issues = found.filter(({ promise }) => promise === undefined);
      this.isFull = issues.length > MAX_ISSUES;
      if (issues.length < found.length) {
        // Promises stay, and must not be looked through for each that is added.
        this.#enough = 2 * found.length;
      }
    }
    return this.isFull;
  }

  /** Waits for what this place becomes. */
  wait(promise: Promise<Outcome>): typeof REFUSED {
    this.found.push({ ...SOMETHING, path: [], promise });
    return REFUSED;
  }

  /** What a container's reader returns that found something. */
  refuse(output: unknown, since: number): typeof REFUSED {
    if (!this.isAsync || !this.found.some((found, index) => index >= since && found.promise)) {
      return REFUSED;
    }
    return this.wait(settled(output, this.found.splice(since)));
  }

  /** A report of its own for a part that is read on its own. */
  part(): Report {
    const part = new Report(this.context, this.isAsync, this.isBackward);
    part.depth = this.depth;
    part.isPayload = this.isPayload;
    part.level = this.level;
    part.memory = this.memory;
    part.outer = this.outer;
    return part;
  }
}

/** Drops issues that were found before at the same place. Of those that another library found, none is like another. */
export function distinct(all: readonly Found[]): Found[] {
  const seen = new Set<string>();
  return all.filter(({ path, rule, message, value, foreign, promise }) => {
    if (foreign !== undefined || promise !== undefined) {
      return true;
    }
    const key = JSON.stringify([longPointer(path.slice().reverse()), rule, message, shown(value)]);
    return !seen.has(key) && seen.add(key);
  });
}

const SOMETHING: Found = { path: [], rule: "", message: "", value: undefined };

/** What a reader makes of a value, if it accepts it. The report stays as it is. */
export function attempt(reader: Reader, value: unknown, report: Report): unknown {
  const since = report.found.length;
  const { isQuiet, depth } = report;
  report.isQuiet = true;
  const output = reader(value, report);
  report.isQuiet = isQuiet;
  // A reader that stops early does not climb back.
  report.depth = depth;
  report.found.length = since;
  return output;
}

/** Waits for every promise that was found in a value, and puts what they bring where it belongs. */
export async function settled(output: unknown, all: readonly Found[]): Promise<Outcome> {
  const root: Record<string, unknown> = { value: output };
  const parts = await Promise.all(all.map(async (found) => ({ found, outcome: await found.promise })));
  const found = parts.flatMap(({ found, outcome }) => {
    if (outcome === undefined) {
      return [found];
    }
    // A reader that found more than is reported made nothing in which the parts could be put.
    if (output !== REFUSED || found.path.length === 0) {
      put(root, [...found.path, "value"], outcome.value);
    }
    return outcome.found.map((inner) => ({ ...inner, path: [...inner.path, ...found.path] }));
  });
  return { value: root["value"], found };
}

function put(root: Record<string, unknown>, path: readonly PropertyKey[], value: unknown): void {
  let place: unknown = root;
  for (const key of path.slice(1).reverse()) {
    place = (place as Record<PropertyKey, unknown>)[key];
  }
  const [last] = path;
  if (last !== undefined) {
    setOwn(place as Record<string, unknown>, last as string, value);
  }
}

/** Sets an own property, even where it is called `__proto__`. */
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
