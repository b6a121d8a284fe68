/** Automata for patterns on which `RegExp` may take exponential time. They read each character once. */

/** A pattern that is matched by an automaton. */
export interface Automaton {
  /** The pattern as written. */
  readonly source: string;
  /** Returns `true` if the pattern matches anywhere in the text. */
  test(text: string): boolean;
}

/** The maximum number of cached states and outcomes of a program. Beyond that the cache is cleared. */
const MAX_CACHED = 10_000;

/**
 * Bits for the assertions that hold at a position, followed by one bit per lookaround. Programs that
 * read backward start at the end.
 */
const AT_START = 1;
const AT_END = 2;
const AT_BOUNDARY = 4;
const LOOKAROUNDS = 3;

/**
 * Creates a matcher that takes linear time. The compiler generates `code` for patterns that it cannot
 * prove to be linear natively.
 */
export function automaton(source: string, code: string): Automaton {
  let machine: ((text: string) => boolean) | undefined;
  return { source, test: (text) => (machine ??= decode(code))(text) };
}

function decode(code: string): (text: string) => boolean {
  const [runs = "", sets = "", word = "", ...programs] = code.split(";");
  const classOf = alphabet(numbers(runs));
  const members = sets.split(",").map((set) => new Set(numbers(set)));
  const words = word === "" ? new Set<number>() : members[parseInt(word, 36)];
  const machines = programs.map((program, at) => machine(program, members, words ?? new Set(), at === programs.length - 1));

  return (text) => {
    const classes: number[] = [];
    for (const character of text) {
      classes.push(classOf(character.codePointAt(0) ?? 0));
    }
    // For each position, one bit per lookaround that holds there.
    const holding = new Int32Array(classes.length + 1);
    return machines.reduce((_, run, at) => run(classes, holding, 1 << at), false);
  };
}

const numbers = (text: string): number[] => (text === "" ? [] : text.split(" ").map((number) => parseInt(number, 36)));

/**
 * Maps code points to classes. `runs` has pairs: the distance from the start of the run before, and the
 * class.
 */
function alphabet(runs: readonly number[]): (codePoint: number) => number {
  const starts: number[] = [];
  for (let at = 0; at < runs.length; at += 2) {
    starts.push((starts.at(-1) ?? 0) + (runs[at] ?? 0));
  }
  const find = (codePoint: number): number => {
    let from = 0;
    for (let to = starts.length; to - from > 1; ) {
      const middle = (from + to) >> 1;
      if ((starts[middle] ?? 0) <= codePoint) {
        from = middle;
      } else {
        to = middle;
      }
    }
    return runs[2 * from + 1] ?? 0;
  };
  const ascii = Array.from({ length: 128 }, (_, codePoint) => find(codePoint));
  return (codePoint) => ascii[codePoint] ?? find(codePoint);
}

/** A set of steps, and the cached outcome for each next character. */
interface State {
  readonly steps: readonly number[];
  readonly next: Map<number, Outcome>;
}

/** The state after a character, and whether the program accepts before it. */
interface Outcome {
  readonly state: State;
  readonly accepts: boolean;
}

type Machine = (classes: readonly number[], holding: Int32Array, mark: number) => boolean;

/**
 * Runs a program over a text. It marks the positions where it accepts; the last program stops at the
 * first.
 */
function machine(code: string, members: readonly ReadonlySet<number>[], words: ReadonlySet<number>, stopsAtFirst: boolean): Machine {
  const [direction, ...program] = code.split(" ");
  const operands = program.map((step) => parseInt(/^[|>+-]/.test(step) ? step.slice(1) : step, 36));
  const seen = new Float64Array(program.length);
  const states = new Map<string, State>();
  let cached = 0;
  let position = 0;

  /** Follows all alternatives at once, including those that begin here. A class below 0 is the end. */
  const follow = (from: readonly number[], kind: number, context: number): Outcome => {
    const steps: number[] = [];
    let accepts = false;
    position++;
    for (const first of [...from, 0]) {
      const open = [first];
      for (let at = open.pop(); at !== undefined; at = open.pop()) {
        if (seen[at] === position) {
          continue;
        }
        seen[at] = position;
        const operand = operands[at] ?? 0;
        switch (program[at]?.[0]) {
          case "|":
            open.push(operand, at + 1);
            break;
          case ">":
            open.push(operand);
            break;
          case "+":
          case "-":
            if (((context >> operand) & 1) === (program[at]?.[0] === "+" ? 1 : 0)) {
              open.push(at + 1);
            }
            break;
          case ".":
            accepts = true;
            break;
          default:
            if (members[operand]?.has(kind)) {
              steps.push(at + 1);
            }
        }
      }
    }
    return { state: addState(steps), accepts };
  };

  const addState = (steps: readonly number[]): State => {
    if (cached >= MAX_CACHED) {
      // Cleared, so that one text does not slow down all that follow.
      states.clear();
      cached = 0;
      start = addState([]);
    }
    const key = [...steps].sort((one, other) => one - other).join();
    const known = states.get(key);
    if (known) {
      return known;
    }
    cached++;
    const state = { steps, next: new Map<number, Outcome>() };
    states.set(key, state);
    return state;
  };

  let start = addState([]);
  return (classes, holding, mark) => {
    const length = classes.length;
    let state = start;
    let wasWord = false;
    for (let at = 0; at <= length; at++) {
      const index = direction === "b" ? length - at : at;
      const kind = at === length ? -1 : (classes[direction === "b" ? index - 1 : index] ?? 0);
      const isWord = words.has(kind);
      const context =
        (at === 0 ? AT_START : 0) |
        (at === length ? AT_END : 0) |
        (isWord === wasWord ? 0 : AT_BOUNDARY) |
        ((holding[index] ?? 0) << LOOKAROUNDS);
      const symbol = (kind + 1) * 2 ** 19 + context;
      let outcome = state.next.get(symbol);
      if (outcome === undefined) {
        outcome = follow(state.steps, kind, context);
        cached++;
        state.next.set(symbol, outcome);
      }
      if (outcome.accepts) {
        if (stopsAtFirst) {
          return true;
        }
        holding[index] = (holding[index] ?? 0) | mark;
      }
      state = outcome.state;
      wasWord = isWord;
    }
    return false;
  };
}
