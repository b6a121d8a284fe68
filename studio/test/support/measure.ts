import type { Page } from "playwright-core";

/** How smoothly a page works, and how large it is. */
export interface Measurement {
  /** The time between two frames, in milliseconds. */
  readonly frames: { readonly count: number; readonly p50: number; readonly p95: number; readonly longest: number };
  /** The tasks that blocked the page for more than 50 ms, in milliseconds. */
  readonly longTasks: readonly number[];
  readonly heapMiB: number;
  readonly nodes: number;
}

interface Recorder {
  readonly times: number[];
  readonly tasks: number[];
  isRunning: boolean;
  onFrame(time: number): void;
}

/** Measures a page while it does something. */
export async function measure(page: Page, action: () => Promise<void>): Promise<Measurement> {
  await page.evaluate(() => {
    const recorder: Recorder = {
      times: [],
      tasks: [],
      isRunning: true,
      onFrame(time) {
        recorder.times.push(time);
        if (recorder.isRunning) requestAnimationFrame(recorder.onFrame);
      },
    };
    Object.assign(window, { recorder });
    new PerformanceObserver((list) => recorder.tasks.push(...list.getEntries().map(({ duration }) => duration))).observe({ type: "longtask" });
    requestAnimationFrame(recorder.onFrame);
  });
  await action();
  const { times, tasks } = await page.evaluate(() => {
    const { recorder } = window as unknown as { recorder: Recorder };
    recorder.isRunning = false;
    return { times: recorder.times, tasks: recorder.tasks };
  });
  const session = await page.context().newCDPSession(page);
  await session.send("HeapProfiler.collectGarbage");
  const { usedSize } = await session.send("Runtime.getHeapUsage");
  await session.detach();
  const sorted = times.slice(1).map((time, before) => time - times[before]!).sort((a, b) => a - b);
  const at = (part: number) => Math.round(sorted[Math.floor((sorted.length - 1) * part)] ?? 0);
  return {
    frames: { count: sorted.length, p50: at(0.5), p95: at(0.95), longest: at(1) },
    longTasks: tasks.map(Math.round).sort((a, b) => b - a),
    heapMiB: Math.round((usedSize / 1024 / 1024) * 10) / 10,
    nodes: await page.evaluate(() => document.querySelectorAll("*").length),
  };
}

/** Returns how long an action takes until an element of the page is visible, in milliseconds. */
export async function timeUntil(page: Page, selector: string, action: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await action();
  await page.locator(selector).first().waitFor();
  return Math.round(performance.now() - start);
}
