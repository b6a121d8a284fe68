import { useCallback, useEffect, useRef, useState } from "react";
import { type Api, type Parameters } from "./api.js";
import type { Page } from "./types.js";
import { usePolled } from "./use-polled.js";

/** The most items that are requested again to show their current state. */
const MAX_REFRESHED = 500;
const PAGE = 50;

export interface Pages<T> {
  readonly items: readonly T[];
  readonly isLoading: boolean;
  readonly hasMore: boolean;
  readonly error: Error | undefined;
  readonly loadMore: () => void;
  readonly refresh: () => void;
}

interface Loaded<T> {
  readonly key: string;
  readonly items: readonly T[];
  readonly next: string | undefined;
}

/**
 * The pages of a list. It requests the next page on demand, and repeatedly the first 500 items, so that they are
 * current.
 */
export function usePages<T>(
  api: Api,
  path: string,
  parameters: Parameters,
  idOf: (item: T) => string,
  milliseconds: number,
): Pages<T> {
  const key = JSON.stringify([path, parameters]);
  const [loaded, setLoaded] = useState<Loaded<T>>({ key, items: [], next: undefined });
  const isCurrent = loaded.key === key;
  const count = useRef(0);
  count.current = isCurrent ? loaded.items.length : 0;
  const [failure, setFailure] = useState<{ key: string; error: Error }>();
  const isLoadingMore = useRef(false);

  const first = usePolled<Page<T>>(
    key,
    (signal) => {
      const limit = Math.min(MAX_REFRESHED, Math.max(PAGE, Math.ceil(count.current / PAGE) * PAGE));
      return api.get(path, { ...parameters, limit }, signal);
    },
    milliseconds,
  );

  useEffect(() => {
    const page = first.value;
    if (page !== undefined) {
      setLoaded((old) => ({ key, ...join(page, old.key === key ? old : undefined, idOf) }));
    }
  }, [first.value]);

  const loadMore = useCallback(() => {
    if (isLoadingMore.current || !isCurrent || loaded.next === undefined) return;
    isLoadingMore.current = true;
    const load = async () => {
      try {
        const page = await api.get<Page<T>>(path, { ...parameters, limit: PAGE, cursor: loaded.next });
        setLoaded((old) => (old.key === key ? { key, ...append(old, page, idOf) } : old));
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
    items: isCurrent ? loaded.items : [],
    isLoading: first.value === undefined && first.error === undefined,
    hasMore: isCurrent && loaded.next !== undefined,
    error: first.error ?? (failure?.key === key ? failure.error : undefined),
    loadMore,
    refresh: first.refresh,
  };
}

/** Puts the current first items before the older ones that were loaded earlier. */
function join<T>(
  page: Page<T>,
  old: Loaded<T> | undefined,
  idOf: (item: T) => string,
): { items: readonly T[]; next: string | undefined } {
  const last = page.items.at(-1);
  const at = last === undefined ? -1 : (old?.items.findIndex((item) => idOf(item) === idOf(last)) ?? -1);
  if (old === undefined || page.next === undefined || at === -1) {
    return { items: page.items, next: page.next };
  }
  const known = new Set(page.items.map(idOf));
  const older = old.items.slice(at + 1).filter((item) => !known.has(idOf(item)));
  return { items: [...page.items, ...older], next: older.length === 0 ? page.next : old.next };
}

function append<T>(
  old: Loaded<T>,
  page: Page<T>,
  idOf: (item: T) => string,
): { items: readonly T[]; next: string | undefined } {
  const known = new Set(old.items.map(idOf));
  return { items: [...old.items, ...page.items.filter((item) => !known.has(idOf(item)))], next: page.next };
}
