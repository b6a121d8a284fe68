/**
 * Returns a short text that a regular expression matches, or undefined if the expression has parts that this
 * function does not know. The caller validates the text.
 */
export function exampleOfPattern(source: string, fill: number): string | undefined {
  const reader: Reader = { source, at: 0, fill };
  const text = alternatives(reader);
  return reader.at === source.length ? text : undefined;
}

interface Reader {
  readonly source: string;
  at: number;
  /** The repetitions of a part that may be repeated without an end. */
  readonly fill: number;
}

function alternatives(reader: Reader): string | undefined {
  const first = sequence(reader);
  while (reader.source[reader.at] === "|") {
    reader.at += 1;
    sequence(reader);
  }
  return first;
}

function sequence(reader: Reader): string | undefined {
  let text = "";
  while (reader.at < reader.source.length && !"|)".includes(reader.source[reader.at] ?? "")) {
    const part = atom(reader);
    if (part === undefined) {
      return undefined;
    }
    text += part.repeat(repetitions(reader));
  }
  return text;
}

function repetitions(reader: Reader): number {
  const [quantifier = "", least = "", comma, most] = /^(?:\{(\d+)(,?)(\d*)\}|[*+?])\??/.exec(reader.source.slice(reader.at)) ?? [];
  reader.at += quantifier.length;
  switch (quantifier[0]) {
    case undefined:
      return 1;
    case "?":
      return 0;
    case "*":
      return reader.fill;
    case "+":
      return Math.max(1, reader.fill);
    default:
      return Math.max(Number(least), comma === "," ? Math.min(reader.fill, Number(most || reader.fill)) : 0);
  }
}

const CLASSES: Readonly<Record<string, string>> = { d: "0", w: "a", s: " ", D: "a", W: "-", S: "a" };

function atom(reader: Reader): string | undefined {
  const { source } = reader;
  const rest = source.slice(reader.at);
  const skip = (length: number, text: string): string => {
    reader.at += length;
    return text;
  };
  const group = /^\((?:\?:|\?<\w+>)?(?!\?)/.exec(rest);
  if (group !== null) {
    reader.at += group[0].length;
    const text = alternatives(reader);
    return source[reader.at] === ")" ? skip(1, text ?? "") && text : undefined;
  }
  const set = /^\[(?!\^)(\\?.)[^\]]*\]/u.exec(rest);
  if (set !== null) {
    const [whole, first = ""] = set;
    return skip(whole.length, escaped(first) ?? "a");
  }
  if (rest.startsWith("[^")) {
    return undefined;
  }
  const one = /^(?:\\p\{\w+\}|\\.|.)/u.exec(rest)?.[0] ?? "";
  if (one === "^" || one === "$") {
    return skip(1, "");
  }
  const text = one === "." ? "a" : one.startsWith("\\p{") ? "a" : escaped(one);
  return text === undefined || "(){}?*+".includes(one) ? undefined : skip(one.length, text);
}

/** Returns a character that an escape such as `\d` or `\.` matches. */
function escaped(text: string): string | undefined {
  const name = text[1];
  return name === undefined ? text : (CLASSES[name] ?? (/\w/.test(name) ? undefined : name));
}
