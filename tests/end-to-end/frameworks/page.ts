/** What the pages of all frameworks need. */

const query = new URLSearchParams(window.location.search);

export const firstRun = query.get("run") ?? "run_1";

/** The options of all subscriptions of a page. */
export const defaults = {
  apiBaseUrl: query.get("api") ?? undefined,
  token: ({ channel }: { readonly channel: string }) =>
    fetch(`/token?run=${channel.replace("pipeline:", "")}`).then((response) => response.text()),
  reconnectMinMs: 20,
  reconnectMaxMs: 100,
};

export function root(): HTMLElement {
  const element = document.getElementById("root");
  if (element === null) {
    throw new Error("the page has no element with the id root");
  }
  return element;
}
