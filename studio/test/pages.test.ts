import { expect, test } from "vitest";
import { type Loaded, NOTHING, partOf, replacePart } from "../src/api/pages.js";

interface Item {
  readonly id: string;
  readonly state: string;
}

const idOf = ({ id }: Item) => id;

function items(state: string, ...ids: number[]): readonly Item[] {
  return ids.map((id) => ({ id: String(id), state }));
}

/** A list of three pages with two items each. */
function threePages(): Loaded<Item> {
  const first = replacePart<Item>(NOTHING, idOf, undefined, { items: items("old", 9, 8), next: "after 8" });
  const second = replacePart(first, idOf, "after 8", { items: items("old", 7, 6), next: "after 6" });
  return replacePart(second, idOf, "after 6", { items: items("old", 5, 4), next: "after 4" });
}

function shown({ items }: Loaded<Item>): string {
  return items.map(({ id, state }) => `${id} ${state}`).join(", ");
}

test("pages follow each other", () => {
  expect(shown(threePages())).toBe("9 old, 8 old, 7 old, 6 old, 5 old, 4 old");
  expect(threePages().next).toBe("after 4");
});

test("visible rows are read from the start of their page", () => {
  expect(partOf(threePages(), idOf, 3, 4)).toEqual({ cursor: "after 8", limit: 3 });
  expect(partOf(threePages(), idOf, 1, 3)).toEqual({ cursor: undefined, limit: 4 });
  expect(partOf<Item>(NOTHING, idOf, 0, 0)).toEqual({ cursor: undefined, limit: 1 });
});

test("a part in the middle is replaced, and items that it no longer has are gone", () => {
  const list = replacePart(threePages(), idOf, "after 8", { items: items("new", 7, 5), next: "after 5" });
  expect(shown(list)).toBe("9 old, 8 old, 7 new, 5 new, 4 old");
  expect(list.next).toBe("after 4");
});

test("new items come first, and the others keep their place", () => {
  const list = replacePart(threePages(), idOf, undefined, { items: items("new", 11, 10, 9), next: "after 9" });
  expect(shown(list)).toBe("11 new, 10 new, 9 new, 8 old, 7 old, 6 old, 5 old, 4 old");
  expect(partOf(list, idOf, 5, 5)).toEqual({ cursor: "after 8", limit: 2 });
});

test("a list that has ended ends, and one whose items are all new begins again", () => {
  const ended = replacePart(threePages(), idOf, "after 6", { items: items("new", 5) });
  expect(shown(ended)).toBe("9 old, 8 old, 7 old, 6 old, 5 new");
  expect(ended.next).toBeUndefined();
  const other = replacePart(threePages(), idOf, undefined, { items: items("new", 30, 29), next: "after 29" });
  expect(shown(other)).toBe("30 new, 29 new");
  expect(replacePart(other, idOf, "after 8", { items: items("late", 7), next: "after 7" })).toBe(other);
});

test("the cursors of items that are gone are forgotten", () => {
  let list = threePages();
  for (let newest = 100; newest < 1000; newest += 2) {
    list = replacePart(list, idOf, undefined, { items: items("new", newest + 1, newest), next: `after ${newest}` });
    list = replacePart(list, idOf, `after ${newest}`, { items: items("new", newest - 1), next: `after ${newest - 1}` });
  }
  expect(list.cursors.size).toBe(1);
});
