/** Parts of the messages of issues. */

/** Returns a count with its noun: `1 item`, `2 items`, `2 properties`. */
export function pluralize(count: number, thing: string, things = `${thing}s`): string {
  return `${count} ${count === 1 ? thing : things}`;
}

/** Returns `must be 1` or `must be one of 1, 2`. */
export function choiceMessage(choices: readonly unknown[]): string {
  const texts = choices.map((choice) => JSON.stringify(choice));
  if (texts.length === 0) {
    return "is not allowed";
  }
  return texts.length === 1 ? `must be ${texts[0]}` : `must be one of ${texts.join(", ")}`;
}

/** Returns the keyword of a list of choices. */
export function choiceKeyword(choices: readonly unknown[]): "const" | "enum" {
  return choices.length === 1 ? "const" : "enum";
}
