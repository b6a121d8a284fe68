import { createTestHub } from "fanfare/testing";
import { pipeline } from "./generated/typescript/index.js";

// Answers the connections of this page or process from memory.
const hub = createTestHub();
hub.channel(pipeline({ runId: "run_42" })).status({ message: "Writing", progress: 40 });
