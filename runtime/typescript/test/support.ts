import { afterEach } from "vitest";
import { timing } from "../src/util/timing.js";

const usual = { ...timing };

afterEach(() => {
  Object.assign(timing, usual);
});

/** Makes the library quicker, or more patient, for one test. */
export function setTiming(changes: Partial<typeof timing>): void {
  Object.assign(timing, changes);
}
