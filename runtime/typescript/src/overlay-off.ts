/** The overlay in production, where bundlers use this module in place of `overlay`: it shows nothing. */

export function showOverlay(): () => void {
  return () => {};
}
