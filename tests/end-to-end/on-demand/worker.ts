import { subscribe } from "fanfare";
import { pipeline } from "../../../generated/typescript/pipeline.js";

const query = new URLSearchParams(location.search);

await subscribe({
  channel: pipeline({ runId: query.get("run") ?? "" }),
  topics: ["tokens"],
  token: query.get("token") ?? "",
  apiBaseUrl: query.get("api") ?? "",
  transport: "sse",
  onMessage: ({ data }) => postMessage(data.index),
});
postMessage("subscribed");
