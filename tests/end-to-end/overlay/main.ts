import { defineChannel, subscribe } from "fanfare";
import { showOverlay } from "fanfare/overlay";
import { pipeline } from "../../../generated/typescript/pipeline.js";

showOverlay();

const query = new URLSearchParams(window.location.search);
const runId = query.get("run") ?? "run_1";
const token = async () => (await fetch(`/token?run=${runId}`)).text();
const options = { token, apiBaseUrl: query.get("api") ?? undefined, reconnectMinMs: 20, reconnectMaxMs: 100 };

let count = 0;
void subscribe({
  ...options,
  channel: pipeline({ runId }),
  onMessage: () => {
    count += 1;
    document.querySelector("[aria-label=Messages]")?.replaceChildren(String(count));
  },
});

if (query.has("drift")) {
  const { topics } = pipeline;
  const status = { payload: topics.status.schema };
  const channel = defineChannel({ name: "pipeline", address: `pipeline:${runId}`, fingerprint: "0000", topics: { status } });
  void subscribe({ ...options, channel, onMessage: () => {} });
}
