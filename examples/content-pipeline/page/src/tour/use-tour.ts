import type { UseRealtimeConnectionStatus } from "fanfare/react";
import { useEffect, useRef, useState } from "react";

export type Hint = "kill" | "tab" | "reload";

export interface ServerState {
  readonly connectionStatus: UseRealtimeConnectionStatus;
  /** The id of the server's latest notice. Each process publishes one when it starts. */
  readonly noticeId: string | undefined;
}

/** Notices which hints were tried in this tab. */
export function useTour(runId: string | undefined, server: ServerState) {
  const [tried, setTried] = useState(readTried);
  const mark = (hint: Hint) => setTried((tried) => ({ ...tried, [hint]: Date.now() }));

  useEffect(() => sessionStorage.setItem(KEY, JSON.stringify(tried)), [tried]);
  useEffect(() => {
    if (runId !== undefined && wasReloaded()) {
      mark("reload");
    }
  }, []);
  useOtherTabs(runId, () => mark("tab"));
  const isServerGone = useRestarts(server, () => mark("kill"));

  return { tried: new Set(Object.keys(tried)), isServerGone };
}

/** Returns whether the server was killed in this tab after a time. */
export function wasKilledAfter(time: Date): boolean {
  return (readTried().kill ?? 0) > time.getTime();
}

/** When each hint was tried last, in milliseconds since 1970. */
type Tried = Readonly<Partial<Record<Hint, number>>>;

const KEY = "tour";

function readTried(): Tried {
  return JSON.parse(sessionStorage.getItem(KEY) ?? "{}") as Tried;
}

function wasReloaded(): boolean {
  const [navigation] = performance.getEntriesByType("navigation") as PerformanceNavigationTiming[];
  return navigation?.type === "reload";
}

/** Calls `onOther` if another tab shows the same run. */
function useOtherTabs(runId: string | undefined, onOther: () => void): void {
  useEffect(() => {
    if (runId === undefined) {
      return;
    }
    const tabs = new BroadcastChannel(`tour ${runId}`);
    tabs.onmessage = ({ data }) => {
      onOther();
      if (data === "hello") {
        tabs.postMessage("welcome");
      }
    };
    tabs.postMessage("hello");
    return () => tabs.close();
  }, [runId]);
}

/** Calls `onRestart` when another process of the server answers, and returns whether the server is gone. */
function useRestarts({ connectionStatus, noticeId }: ServerState, onRestart: () => void): boolean {
  const [isGone, setIsGone] = useState(false);
  const before = useRef({ connectionStatus, noticeId });
  useEffect(() => {
    const previous = before.current;
    before.current = { connectionStatus, noticeId: noticeId ?? previous.noticeId };
    if (previous.connectionStatus === "open" && connectionStatus === "connecting") {
      setIsGone(true);
    } else if (connectionStatus === "open") {
      setIsGone(false);
    }
    if (previous.noticeId !== undefined && noticeId !== undefined && noticeId !== previous.noticeId) {
      onRestart();
    }
  }, [connectionStatus, noticeId]);
  return isGone;
}
