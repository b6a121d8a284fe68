/** Which items and properties keywords have spoken for: what `unevaluated…` leaves alone. */

export class Evaluated {
  readonly #names = new Set<string>();
  readonly #items = new Set<number>();
  /** All items before this one. */
  #end = 0;

  name(name: string): void {
    this.#names.add(name);
  }

  item(index: number): void {
    this.#items.add(index);
  }

  itemsBefore(end: number): void {
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
      this.itemsBefore(other.#end);
    }
  }
}
