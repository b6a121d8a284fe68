const PATHS = {
  runs: "M3 4h6M3 8h10M6 12h7",
  messages: "M2.5 3.5h11v7h-6l-3 2.5v-2.5h-2z",
  channels: "M6 2.5 4.5 13.5M11.5 2.5 10 13.5M2.5 5.5h11M2 10.5h11",
  publish: "M2.5 8 13.5 3l-3 10-3-4zM7.5 9l6-6",
  health: "M1.5 8.5h3l2-5 3 9 2-4h3",
  tokens: "M6 10a3.5 3.5 0 1 1 2.6-2.6L14 12.8V14h-2.5v-1.5H10V11H8.5L7.4 9.900A3.500 3.500 0 0 1 6 10zM5 6.500h.01",
  search: "M7 12A5 5 0 1 0 7 2a5 5 0 0 0 0 10zM10.600 10.600 14 14",
  copy: "M5.500 5.500h8v8h-8zM3.500 10.500h-1v-8h8v1",
  close: "M4 4l8 8M12 4l-8 8",
  back: "M10 3 5 8l5 5",
  pause: "M5.500 3.500v9M10.500 3.500v9",
  play: "M5 3v10l8-5z",
  check: "M3 8.500 6.500 12 13 4.500",
  cross: "M4 4l8 8M12 4l-8 8",
  stop: "M4 8h8",
  moon: "M13 9.500A5.500 5.500 0 0 1 6.500 3 5.500 5.500 0 1 0 13 9.500z",
  clock: "M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12zM8 4.500V8l2.500 1.500",
  hand: "M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12zM6.300 6.500a1.700 1.700 0 1 1 2.300 1.600c-.4.200-.6.500-.6 1M8 11.200v.1",
  retry: "M13 8a5 5 0 1 1-1.500-3.500L13 6M13 2.500V6H9.500",
  bolt: "M9 2 4 9h4l-1 5 5-7H8z",
  warning: "M8 2.500 14.500 13.500h-13zM8 6.500v3.500M8 12v.1",
  theme: "M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12zM8 2v12M10.500 2.600v10.800M12.500 4.200v7.600",
  signout: "M6 2.500H2.500v11H6M10 5l3 3-3 3M13 8H6",
  plus: "M8 3v10M3 8h10",
} as const;

export type IconName = keyof typeof PATHS;

/** A decorative icon. Text next to it has its meaning. */
export function Icon({ name, size = 16 }: { readonly name: IconName; readonly size?: number }) {
  return (
    <svg className="icon" width={size} height={size} viewBox="0 0 16 16" aria-hidden="true" focusable="false">
      <path d={PATHS[name]} />
    </svg>
  );
}
