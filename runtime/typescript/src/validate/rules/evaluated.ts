/** The items and properties that keywords have evaluated, and that `unevaluated…` skips. */

export class Evaluated {
  readonly #names = new Set<string>();
  readonly #items = new Set<number>();
  /** All items before this index are evaluated. */
  #end = 0;

  addName(name: string): void {
    this.#names.add(name);
  }

  addItem(index: number): void {
    this.#items.add(index);
  }

  addItemsBefore(end: number): void {
    this.#end = Math.max(this.#end, end);
  }

  hasName(name: string): boolean {
    return this.#names.has(name);
  }

  hasItem(index: number): boolean {
    return index < this.#end || this.#items.has(index);
  }

  add(other: Evaluated | undefined): void {
    if (other) {
      other.#names.forEach((name) => this.#names.add(name));
      other.#items.forEach((index) => this.#items.add(index));
      this.addItemsBefore(other.#end);
    }
  }
}
