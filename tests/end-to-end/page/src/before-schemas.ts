import type { View } from "./seen.js";

// Imported first, to run before the modules that create schemas.
window.seen = { statuses: [], deltas: [], violations: [], view: {} as View };
document.addEventListener("securitypolicyviolation", (event) => {
  window.seen.violations.push(`${event.violatedDirective} ${event.blockedURI}`);
});
