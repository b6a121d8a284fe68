import type { Drift } from "../channel/drift.js";
import type { CaughtUpFrame, GapFrame, LoggedFrame } from "../wire.js";

/**
 * Receives the drifts and the frames of all channels of the page. Only the overlay for development sets `report`;
 * a page without it has no other part of it.
 */
export const diagnostics: { report?: ((event: Drift | GapFrame | CaughtUpFrame | LoggedFrame | undefined) => void) | undefined } = {};
