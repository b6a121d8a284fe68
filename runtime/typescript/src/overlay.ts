/** An overlay in the page that shows drifts and gaps, for development. */

import { describeDrift } from "./channel/drift.js";
import type { Drift } from "./channel/drift.js";
import { diagnostics } from "./subscription/diagnostics.js";
import type { GapFrame } from "./wire.js";

/** Removes the overlay that is shown. */
let hide = (): void => {};

/**
 * Shows drifts and gaps of all channels in a corner of the page, as they happen. Returns a function that removes the
 * overlay. Outside of a page it does nothing, and bundlers leave it out of production.
 *
 * @example
 * ```ts
 * import { showOverlay } from "fanfare/overlay";
 *
 * showOverlay();
 * ```
 */
export function showOverlay(): () => void {
  if (typeof document === "undefined") {
    return () => {};
  }
  hide();
  const overlay = new Overlay();
  diagnostics.report = (event) => {
    if (event?.kind === "gap") {
      overlay.addGap(event);
    } else if (event !== undefined && "outdated" in event) {
      overlay.addDrift(event);
    }
  };
  hide = () => {
    diagnostics.report = undefined;
    overlay.remove();
    hide = () => {};
  };
  return hide;
}

/** The element of the overlay. It is in the page while it has entries. */
class Overlay {
  /** A shadow root, so that styles of the page do not apply. */
  readonly #host = document.createElement("fanfare-overlay");
  readonly #list = element("div", { ...TEXT, maxHeight: "50vh", overflow: "auto", padding: "12px" });
  /** The entries that are shown: several subscriptions receive the same gap, and each reconnect the same drift. */
  readonly #shown = new Set<string>();

  constructor() {
    const box = element("section", BOX);
    box.setAttribute("aria-label", "Fanfare");
    const close = element("button", CLOSE, "×");
    close.setAttribute("aria-label", "Dismiss");
    close.addEventListener("click", () => this.#clear());
    box.append(close, this.#list);
    this.#host.attachShadow({ mode: "open" }).append(box);
  }

  addDrift(drift: Drift): void {
    const { channel, kind, expected, received } = drift;
    const title = kind === "unknown" ? "Unknown definition" : drift.outdated === "page" ? "Outdated page" : "Outdated server";
    const text = describeDrift(drift);
    this.#add(`${channel} ${expected} ${received}`, `${title}: ${channel}`, `${text.charAt(0).toUpperCase()}${text.slice(1)}.`);
  }

  addGap({ channel, after, before }: GapFrame): void {
    const text =
      `Messages between ${after} and ${before} are no longer in the server's history. The subscriber was away or too slow for ` +
      "longer than `history` of the channel's definition allows.";
    this.#add(`${channel} ${after} ${before}`, `Missed messages: ${channel}`, text);
  }

  remove(): void {
    this.#host.remove();
  }

  #add(key: string, title: string, text: string): void {
    if (!this.#shown.has(key)) {
      this.#shown.add(key);
      const entry = element("div", { margin: "0 24px 8px 0" });
      entry.append(element("strong", { display: "block" }, title), element("span", {}, text));
      this.#list.append(entry);
      document.body.append(this.#host);
    }
  }

  #clear(): void {
    this.#shown.clear();
    this.#list.replaceChildren();
    this.remove();
  }
}

type Style = Partial<CSSStyleDeclaration>;

const TEXT: Style = { font: "13px/1.4 system-ui, sans-serif", color: "#fff" };

const BOX: Style = {
  position: "fixed",
  right: "12px",
  bottom: "12px",
  zIndex: "2147483647",
  maxWidth: "min(420px, calc(100vw - 24px))",
  background: "#3b1d1d",
  border: "1px solid #e06c6c",
  borderRadius: "6px",
  overflowWrap: "anywhere",
};

const CLOSE: Style = {
  ...TEXT,
  position: "absolute",
  top: "6px",
  right: "6px",
  background: "none",
  border: "0",
  fontSize: "18px",
  cursor: "pointer",
};

/** Creates an element. Its style is set member by member, which a content security policy allows. */
function element(name: string, style: Style, text = ""): HTMLElement {
  const created = document.createElement(name);
  Object.assign(created.style, style);
  created.textContent = text;
  return created;
}
