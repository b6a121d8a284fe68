import type { View } from "./seen.js";

// Runs before the modules in which schemas are made.
window.seen = { statuses: [], deltas: [], violations: [], view: {} as View };
document.addEventListener("securitypolicyviolation", (event) => {
  window.seen.violations.push(`${event.violatedDirective} ${event.blockedURI}`);
});
