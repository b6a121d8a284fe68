import type { Page } from "./types.js";

/** The items of a list that are loaded, from its start. */
export interface Loaded<T> {
  readonly items: readonly T[];
  /** The cursor of the items that follow. */
  readonly next: string | undefined;
  /** The cursors of pages, by the ids of their first items. */
  readonly cursors: ReadonlyMap<string, string>;
}

export const NOTHING: Loaded<never> = { items: [], next: undefined, cursors: new Map() };

/** A part of a list: the items from a cursor on. */
export interface Part {
  readonly cursor: string | undefined;
  readonly limit: number;
}

/** Returns the smallest part that has the rows from `first` to `last` and starts with a page. */
export function partOf<T>({ items, cursors }: Loaded<T>, idOf: (item: T) => string, first: number, last: number): Part {
  let at = Math.min(first, items.length - 1);
  while (at > 0 && !cursors.has(idOf(items[at]!))) at -= 1;
  const start = at <= 0 ? undefined : cursors.get(idOf(items[at]!));
  return { cursor: start, limit: last - Math.max(0, at) + 1 };
}

/** Puts the current items of a part in the place of those that were loaded earlier, or at the end. */
export function replacePart<T>(old: Loaded<T>, idOf: (item: T) => string, cursor: string | undefined, page: Page<T>): Loaded<T> {
  const { items } = old;
  const known = new Map(items.map((item, at) => [idOf(item), at]));
  const start = cursor === undefined ? 0 : startOf(old, known, cursor);
  if (start === undefined) return old;
  const [first, last] = [page.items[0], page.items.at(-1)];
  const withCursors = (kept: readonly T[], next: string | undefined): Loaded<T> => {
    const cursors = cursor === undefined || first === undefined ? old.cursors : new Map([...old.cursors, [idOf(first), cursor]]);
    const ids = new Set(kept.map(idOf));
    return { items: kept, next, cursors: new Map([...cursors].filter(([id]) => ids.has(id))) };
  };
  if (page.next === undefined) {
    return withCursors([...items.slice(0, start), ...page.items], undefined);
  }
  const end = last === undefined ? undefined : known.get(idOf(last));
  const fresh = new Set(page.items.map(idOf));
  // A list whose items are all new is loaded again from its start.
  const rest = end === undefined ? [] : items.slice(end + 1).filter((item) => !fresh.has(idOf(item)));
  const before = items.slice(0, start).filter((item) => !fresh.has(idOf(item)));
  return withCursors([...before, ...page.items, ...rest], rest.length === 0 ? page.next : old.next);
}

/** Returns where the items of a cursor begin, or undefined if the list no longer has that part. */
function startOf<T>({ items, next, cursors }: Loaded<T>, known: ReadonlyMap<string, number>, cursor: string): number | undefined {
  if (cursor === next) return items.length;
  const first = [...cursors].find(([id, other]) => other === cursor && known.has(id));
  return first === undefined ? undefined : known.get(first[0]);
}
