import type { Drift } from "../channel/drift.js";
import type { CaughtUpFrame, GapFrame, LoggedFrame } from "../wire.js";
import type { StateEntry } from "./state.js";

/**
 * Receives the drifts, the frames and the states of all channels of the page. Only the overlay for development sets `report`;
 * a page without it has no other part of it.
 */
export const diagnostics: { report?: ((event: Drift | GapFrame | CaughtUpFrame | LoggedFrame | StateEntry | undefined) => void) | undefined } = {};
