import { afterEach } from "vitest";
import { timing } from "../src/util/timing.js";

const usual = { ...timing };

afterEach(() => {
  Object.assign(timing, usual);
});

/** Changes the library's timing for one test. */
export function setTiming(changes: Partial<typeof timing>): void {
  Object.assign(timing, changes);
}
