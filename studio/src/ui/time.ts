import { useEffect, useState } from "react";

/** How far the server's clock is ahead of this machine's, in milliseconds. */
let offset = 0;

/** Sets the server's time, with which its times are compared. */
export function setServerTime(time: string): void {
  offset = Date.parse(time) - Date.now();
}

/** Returns the time by the server's clock. */
export function serverNow(): number {
  return Date.now() + offset;
}

/** Returns the time by the server's clock, and renders again after each interval. */
export function useNow(milliseconds = 1000): number {
  const [now, setNow] = useState(serverNow);
  useEffect(() => {
    const timer = setInterval(() => setNow(serverNow()), milliseconds);
    return () => clearInterval(timer);
  }, [milliseconds]);
  return now;
}

const UNITS = [
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["m", 60_000],
  ["s", 1000],
] as const;

/** "350 ms", "1.25 s", "3 m 20 s", "2 d 4 h". */
export function formatDuration(milliseconds: number): string {
  const ms = Math.max(0, milliseconds);
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(ms < 10_000 ? 2 : 1)} s`;
  const at = UNITS.findIndex(([, size]) => ms >= size);
  const [unit, size] = UNITS[at]!;
  const smaller = UNITS[at + 1];
  const whole = Math.floor(ms / size);
  const rest = smaller === undefined ? 0 : Math.floor((ms % size) / smaller[1]);
  return rest === 0 || smaller === undefined ? `${whole} ${unit}` : `${whole} ${unit} ${rest} ${smaller[0]}`;
}

/** "12s", "3m", "2h", "5d": for columns. */
export function formatAge(milliseconds: number): string {
  const ms = Math.max(0, milliseconds);
  const [unit, size] = UNITS.find(([, unitSize]) => ms >= unitSize) ?? (["s", 1000] as const);
  return ms < 1000 ? "now" : `${Math.floor(ms / size)}${unit}`;
}

/** "14:03:07.120" today, with the date otherwise. */
export function formatTime(time: string | number, now = serverNow()): string {
  const date = new Date(time);
  const clock = `${date.toTimeString().slice(0, 8)}.${String(date.getMilliseconds()).padStart(3, "0")}`;
  return date.toDateString() === new Date(now).toDateString() ? clock : `${dayOf(date)} ${clock}`;
}

/** "14:03:07". */
export function formatClock(time: string): string {
  return new Date(time).toTimeString().slice(0, 8);
}

function dayOf(date: Date): string {
  return [date.getFullYear(), date.getMonth() + 1, date.getDate()].map((part) => String(part).padStart(2, "0")).join("-");
}

export function formatBytes(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  return bytes < 1024 * 1024 ? `${(bytes / 1024).toFixed(1)} KiB` : `${(bytes / 1024 / 1024).toFixed(1)} MiB`;
}

export function formatCount(count: number): string {
  return count.toLocaleString("en-US", { maximumFractionDigits: count < 10 ? 2 : 0 });
}
