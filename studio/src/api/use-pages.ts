import { useCallback, useEffect, useRef, useState } from "react";
import type { Api, Parameters } from "./api.js";
import { type Loaded, NOTHING, type Part, partOf, replacePart } from "./pages.js";
import type { Page } from "./types.js";
import { usePolled } from "./use-polled.js";

const PAGE = 50;
/** The most items of one request. */
const MAX_LIMIT = 500;
/** The most pages that are read to reach the items that are known. More new items replace the list. */
const MAX_NEW_PAGES = 5;

export interface Pages<T> {
  readonly items: readonly T[];
  readonly isLoading: boolean;
  readonly hasMore: boolean;
  readonly error: Error | undefined;
  readonly loadMore: () => void;
  readonly refresh: () => void;
  /** Sets the rows that the user sees, which are kept current. */
  readonly onVisible: (first: number, last: number) => void;
}

interface Read<T> {
  readonly cursor: string | undefined;
  readonly page: Page<T>;
}

/**
 * The pages of a list. It requests the next page on demand, and repeatedly the start of the list and the rows that the user
 * sees, so that they are current.
 */
export function usePages<T>(
  api: Api,
  path: string,
  parameters: Parameters,
  idOf: (item: T) => string,
  milliseconds: number,
): Pages<T> {
  const key = JSON.stringify([path, parameters]);
  const [state, setState] = useState<{ key: string; loaded: Loaded<T> }>({ key, loaded: NOTHING });
  const loaded = state.key === key ? state.loaded : NOTHING;
  const latest = useRef<Loaded<T>>(loaded);
  latest.current = loaded;
  const latestKey = useRef(key);
  latestKey.current = key;
  const visible = useRef<readonly [first: number, last: number]>([0, 0]);
  const [failure, setFailure] = useState<{ key: string; error: Error }>();
  const isLoadingMore = useRef(false);

  const read = async ({ cursor, limit }: Part, signal?: AbortSignal): Promise<Read<T>> => {
    const page = await api.get<Page<T>>(path, { ...parameters, limit: Math.min(limit, MAX_LIMIT), cursor }, signal);
    return { cursor, page };
  };
  const put = (reads: readonly Read<T>[]) =>
    setState((old) => {
      const list: Loaded<T> = old.key === key ? old.loaded : NOTHING;
      return { key, loaded: reads.reduce((changed, { cursor, page }) => replacePart(changed, idOf, cursor, page), list) };
    });

  const polled = usePolled<readonly Read<T>[]>(
    key,
    async (signal) => {
      const known = new Set(latest.current.items.map(idOf));
      const part = partOf(latest.current, idOf, ...visible.current);
      let { page } = await read({ cursor: undefined, limit: part.cursor === undefined ? Math.max(PAGE, part.limit) : PAGE }, signal);
      for (let pages = 0; pages < MAX_NEW_PAGES && !isConnected(page, known, idOf); pages += 1) {
        const older = (await read({ cursor: page.next, limit: MAX_LIMIT }, signal)).page;
        page = { ...older, items: [...page.items, ...older.items] };
      }
      return [{ cursor: undefined, page }, ...(part.cursor === undefined ? [] : [await read(part, signal)])];
    },
    milliseconds,
  );
  useEffect(() => {
    if (polled.value !== undefined) put(polled.value);
  }, [polled.value]);

  const loadMore = useCallback(() => {
    if (isLoadingMore.current || loaded.next === undefined) return;
    isLoadingMore.current = true;
    const load = async () => {
      try {
        const older = await read({ cursor: loaded.next, limit: PAGE });
        // Meanwhile, another list may be shown.
        if (latestKey.current === key) put([older]);
        setFailure(undefined);
      } catch (error) {
        setFailure({ key, error: error as Error });
      } finally {
        isLoadingMore.current = false;
      }
    };
    void load();
  }, [key, loaded]);

  return {
    items: loaded.items,
    isLoading: polled.value === undefined && polled.error === undefined,
    hasMore: loaded.next !== undefined,
    error: polled.error ?? (failure?.key === key ? failure.error : undefined),
    loadMore,
    refresh: polled.refresh,
    onVisible: useCallback((first: number, last: number) => {
      visible.current = [first, last];
    }, []),
  };
}

/** Returns `true` if no items are missing between a page from the start and the items that are known. */
function isConnected<T>({ items, next }: Page<T>, known: ReadonlySet<string>, idOf: (item: T) => string): boolean {
  const last = items.at(-1);
  return known.size === 0 || next === undefined || last === undefined || known.has(idOf(last));
}
