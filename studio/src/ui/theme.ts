import { useSyncExternalStore } from "react";

export const THEMES = ["system", "light", "dark"] as const;
export type Theme = (typeof THEMES)[number];

const KEY = "fanfare-studio-theme";
const EVENT = "fanfare-theme";

export function readTheme(): Theme {
  const stored = localStorage.getItem(KEY);
  return THEMES.find((theme) => theme === stored) ?? "system";
}

export function setTheme(theme: Theme): void {
  localStorage.setItem(KEY, theme);
  applyTheme();
  dispatchEvent(new Event(EVENT));
}

export function applyTheme(): void {
  document.documentElement.dataset["theme"] = readTheme();
}

export function useTheme(): Theme {
  return useSyncExternalStore((onChange) => {
    addEventListener(EVENT, onChange);
    return () => removeEventListener(EVENT, onChange);
  }, readTheme);
}
