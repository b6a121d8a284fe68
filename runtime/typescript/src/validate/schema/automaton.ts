/** Patterns that `RegExp` could take too long for, as automata that read each character once. */

/** A pattern that an automaton matches. */
export interface Automaton {
  /** The pattern as it was written. */
  readonly source: string;
  /** Whether the pattern matches somewhere in the text. */
  test(text: string): boolean;
}

/** How many states and outcomes a program remembers, before it forgets them all. */
const MAX_REMEMBERED = 10_000;

/** The bits that say what holds at a position; the lookarounds follow. Programs that read backward start at the end. */
const AT_START = 1;
const AT_END = 2;
const AT_BOUNDARY = 4;
const LOOKAROUNDS = 3;

/**
 * A pattern whose time grows with the length of the text and no faster. The compiler writes `code`,
 * for patterns that it cannot prove to be as fast natively.
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
    // A bit for each lookaround that holds at a position.
    const holding = new Int32Array(classes.length + 1);
    return machines.reduce((_, run, at) => run(classes, holding, 1 << at), false);
  };
}

const numbers = (text: string): number[] => (text === "" ? [] : text.split(" ").map((number) => parseInt(number, 36)));

/** Sorts code points into classes, from how far each run starts behind the one before, and its class. */
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

/** Steps to go on from, and what each next character makes of them, as far as that is known. */
interface State {
  readonly steps: readonly number[];
  readonly next: Map<number, Outcome>;
}

/** Where a character leads, and whether the program accepts before it. */
interface Outcome {
  readonly state: State;
  readonly accepts: boolean;
}

type Machine = (classes: readonly number[], holding: Int32Array, mark: number) => boolean;

/** Runs a program over a text. It marks the positions where it accepts; the last one stops at the first. */
function machine(code: string, members: readonly ReadonlySet<number>[], words: ReadonlySet<number>, stops: boolean): Machine {
  const [direction, ...program] = code.split(" ");
  const operands = program.map((step) => parseInt(/^[|>+-]/.test(step) ? step.slice(1) : step, 36));
  const seen = new Float64Array(program.length);
  const states = new Map<string, State>();
  let remembered = 0;
  let position = 0;

  /** Follows all ways at once, also those that begin here. A class below 0 is the end. */
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
    return { state: remember(steps), accepts };
  };

  const remember = (steps: readonly number[]): State => {
    if (remembered >= MAX_REMEMBERED) {
      // Begins anew, so that one text does not slow down all that follow.
      states.clear();
      remembered = 0;
      start = remember([]);
    }
    const key = [...steps].sort((one, other) => one - other).join();
    const known = states.get(key);
    if (known) {
      return known;
    }
    remembered++;
    const state = { steps, next: new Map<number, Outcome>() };
    states.set(key, state);
    return state;
  };

  let start = remember([]);
  return (classes, holding, mark) => {
    const length = classes.length;
    let state = start;
    let wasWord = false;
    for (let at = 0; at <= length; at++) {
      const place = direction === "b" ? length - at : at;
      const kind = at === length ? -1 : (classes[direction === "b" ? place - 1 : place] ?? 0);
      const isWord = words.has(kind);
      const context =
        (at === 0 ? AT_START : 0) |
        (at === length ? AT_END : 0) |
        (isWord === wasWord ? 0 : AT_BOUNDARY) |
        ((holding[place] ?? 0) << LOOKAROUNDS);
      const symbol = (kind + 1) * 2 ** 19 + context;
      let outcome = state.next.get(symbol);
      if (outcome === undefined) {
        outcome = follow(state.steps, kind, context);
        remembered++;
        state.next.set(symbol, outcome);
      }
      if (outcome.accepts) {
        if (stops) {
          return true;
        }
        holding[place] = (holding[place] ?? 0) | mark;
      }
      state = outcome.state;
      wasWord = isWord;
    }
    return false;
  };
}
