import { createContext, createElement, useContext, useState } from "react";
import type { ReactElement, ReactNode } from "react";
import { mergeOptions } from "../subscription/settings.js";
import type { RealtimeSettings } from "../subscription/settings.js";

/** Defaults for the hooks of a page: all settings but `validate`, which the types of a hook depend on. */
export interface RealtimeDefaults extends Omit<RealtimeSettings, "validate"> {}

/** Props of {@link RealtimeProvider}. */
export interface RealtimeProviderProps extends RealtimeDefaults {
  readonly children?: ReactNode;
}

export const Defaults = createContext<RealtimeDefaults>({});

/**
 * Sets defaults for all hooks below it. An option of a hook wins, and so does a provider that is nearer.
 *
 * @example
 * ```tsx
 * <RealtimeProvider apiBaseUrl="https://api.example.com" token={({ channel }) => fetchToken(channel)}>
 *   <App />
 * </RealtimeProvider>
 * ```
 */
export function RealtimeProvider({ children, ...defaults }: RealtimeProviderProps): ReactElement {
  const outer = useContext(Defaults);
  const merged = mergeOptions<RealtimeDefaults>(outer, defaults);
  const [held, hold] = useState(merged);
  const isHeld = isSame(held, merged);
  if (!isHeld) {
    hold(merged);
  }
  // The same object while its values are the same, so that not all hooks below render again.
  return createElement(Defaults.Provider, { value: isHeld ? held : merged }, children);
}

function isSame(one: RealtimeDefaults, other: RealtimeDefaults): boolean {
  const names = Object.keys({ ...one, ...other }) as (keyof RealtimeDefaults)[];
  return names.every((name) => one[name] === other[name]);
}
