/** What a reader is, and what it finds wrong with a value. */

/**
 * Reads a JSON value: adds what is wrong with it to the report, and returns what it becomes.
 * The output means nothing where an issue was added.
 */
export type Reader<Output = unknown> = (value: unknown, report: Report) => Output;

/** How many arrays and objects may be nested in each other. */
export const MAX_DEPTH = 127;

/** Stands in the output for what a promise will bring, and makes whoever gets it copy rather than hand on. */
export const PENDING: unique symbol = Symbol("pending");

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
  /** The value comes straight from the wire: every part is held to the wire profile, and unchanged parts are not copied. */
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

  add(rule: string, message: string, value: unknown): void {
    this.found.push(this.isQuiet ? SOMETHING : { path: [], rule, message, value });
  }

  /** An issue of a property that is not there, in the object that is being read. */
  missing(name: string, rule = "required", message = "is required"): void {
    this.found.push(this.isQuiet ? SOMETHING : { path: [name], rule, message, value: undefined });
  }

  /** Says that what was found since then stands under `key`. */
  under(key: PropertyKey, since: number): void {
    for (let index = since; index < this.found.length && !this.isQuiet; index++) {
      this.found[index]?.path.push(key);
    }
  }

  /** Waits for what this place becomes. */
  wait(promise: Promise<Outcome>): typeof PENDING {
    this.found.push({ ...SOMETHING, path: [], promise });
    return PENDING;
  }

  /** A report of its own for a part that is read on its own. */
  part(): Report {
    const part = new Report(this.context, this.isAsync, this.isBackward);
    part.depth = this.depth;
    part.isPayload = this.isPayload;
    return part;
  }
}

const SOMETHING: Found = { path: [], rule: "", message: "", value: undefined };

/** What {@link attempt} returns for a value that is not accepted. */
export const REFUSED: unique symbol = Symbol("refused");

/** What a reader makes of a value, if it accepts it; the report stays as it is. */
export function attempt(reader: Reader, value: unknown, report: Report): unknown {
  const since = report.found.length;
  const { isQuiet, depth } = report;
  report.isQuiet = true;
  const output = reader(value, report);
  report.isQuiet = isQuiet;
  // A reader that stops early does not climb back.
  report.depth = depth;
  if (report.found.length === since) {
    return output;
  }
  report.found.length = since;
  return REFUSED;
}

/** Waits for every promise in a report and puts what they bring where it belongs. */
export async function settled(output: unknown, report: Report): Promise<Outcome> {
  const root: Record<string, unknown> = { value: output };
  const parts = await Promise.all(report.found.map(async (found) => ({ found, outcome: await found.promise })));
  const all = parts.flatMap(({ found, outcome }) => {
    if (outcome === undefined) {
      return [found];
    }
    put(root, [...found.path, "value"], outcome.value);
    return outcome.found.map((inner) => ({ ...inner, path: [...inner.path, ...found.path] }));
  });
  return { value: root["value"], found: all };
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
