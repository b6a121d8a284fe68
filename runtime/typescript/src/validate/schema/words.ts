/** The words of issues that several readers use. */

/** `1 item`, `2 items`, `2 properties`. */
export function counted(count: number, thing: string, things = `${thing}s`): string {
  return `${count} ${count === 1 ? thing : things}`;
}

/** `must be 1` or `must be one of 1, 2`. */
export function listed(choices: readonly unknown[]): string {
  const texts = choices.map((choice) => JSON.stringify(choice));
  if (texts.length === 0) {
    return "is not allowed";
  }
  return texts.length === 1 ? `must be ${texts[0]}` : `must be one of ${texts.join(", ")}`;
}

/** The rule of a list of choices. */
export function choice(choices: readonly unknown[]): "const" | "enum" {
  return choices.length === 1 ? "const" : "enum";
}
