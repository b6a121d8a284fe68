import { useEffect, useMemo, useRef, useState, useSyncExternalStore } from "react";
import { definitionOf } from "../channels/definition.js";
import { useSession } from "../session/session.js";
import { type Entry, keyOf } from "./entry.js";
import { Feed, type FeedState } from "./feed.js";

/** A paused list collects this many new messages, then stops the subscription and resumes it later. */
const MAX_COLLECTED = 10_000;

export interface FeedView {
  readonly entries: readonly Entry[];
  readonly state: FeedState;
  readonly isCut: boolean;
  readonly isPaused: boolean;
  /** The number of messages that arrived since the list was paused. */
  readonly collected: number;
  readonly setPaused: (isPaused: boolean) => void;
  readonly loadOlder: () => void;
}

/** The messages of a channel while the component is shown. */
export function useFeed(channel: string): FeedView {
  const { api, definitions } = useSession();
  const definition = definitionOf(definitions, channel);
  const feed = useMemo(() => new Feed(api, channel, definition), [api, channel, definition?.fingerprint]);
  const entries = useSyncExternalStore((onChange) => feed.log.subscribe(onChange), () => feed.log.entries);
  const state = useSyncExternalStore((onChange) => feed.subscribe(onChange), () => feed.state);
  const [frozen, setFrozen] = useState<readonly Entry[]>();
  const isStopped = useRef(false);

  useEffect(() => {
    feed.start();
    return () => feed.stop();
  }, [feed]);

  const newest = frozen?.[0];
  const collected = frozen === undefined ? 0 : countNewer(entries, newest);
  useEffect(() => {
    if (frozen !== undefined && collected > MAX_COLLECTED && !isStopped.current) {
      isStopped.current = true;
      feed.stop();
    }
  }, [collected]);

  const setPaused = (isPaused: boolean) => {
    setFrozen(isPaused ? entries : undefined);
    if (!isPaused && isStopped.current) {
      isStopped.current = false;
      feed.start();
    }
  };
  // Older messages may be loaded while the list is paused.
  const shown = frozen === undefined ? entries : collected === 0 ? entries : entries.slice(collected);
  return {
    entries: shown,
    state,
    isCut: feed.log.isCut,
    isPaused: frozen !== undefined,
    collected,
    setPaused,
    loadOlder: () => void feed.loadOlder(),
  };
}

/** Returns how many entries are newer than one. */
function countNewer(entries: readonly Entry[], newest: Entry | undefined): number {
  if (newest === undefined) return entries.length;
  const at = entries.findIndex((entry) => keyOf(entry) === keyOf(newest));
  return at === -1 ? entries.findIndex(({ id }) => id < newest.id) : at;
}
