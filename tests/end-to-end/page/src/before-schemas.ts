import * as z from "zod";
import type { View } from "./seen.js";

// Runs before the modules in which schemas are made.
const flags = new URLSearchParams(window.location.search).get("flags")?.split(" ");
z.config({ jitless: flags?.includes("jitless") === true });

window.seen = { statuses: [], deltas: [], violations: [], view: {} as View };
document.addEventListener("securitypolicyviolation", (event) => {
  window.seen.violations.push(`${event.violatedDirective} ${event.blockedURI}`);
});
