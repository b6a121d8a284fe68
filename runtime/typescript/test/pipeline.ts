import * as z from "zod";
import { defineChannel } from "../src/index.js";

/** The channel of the tests, in the form of generated code. */
export const pipeline = defineChannel({
  name: "pipeline",
  address: "pipeline:{runId}",
  fingerprint: "9f2c",
  params: { runId: z.string().regex(/^run_[a-z0-9]+$/u) },
  topics: {
    status: {
      payload: z.object({ message: z.string().min(1), progress: z.number().optional() }),
      retain: "last",
    },
    tokens: { payload: z.string() },
    total: { payload: z.string().transform((text) => BigInt(text)) },
  },
});

/** A channel without params. */
export const system = defineChannel({
  name: "system",
  address: "system",
  fingerprint: "17ab",
  topics: { notice: { payload: z.string() } },
});

/** A channel of runs, with signals and a result. */
export const reviews = defineChannel({
  name: "pipeline",
  address: "pipeline:{runId}",
  fingerprint: "9f2c",
  params: { runId: z.string() },
  topics: { tokens: { payload: z.string() } },
  signals: {
    approve: { payload: z.object({ verdict: z.enum(["approve", "edit", "reject"]), text: z.string().optional() }) },
    budget: { payload: z.string().transform((text) => BigInt(text)) },
  },
  result: z.object({ words: z.string().transform((text) => BigInt(text)) }),
});
