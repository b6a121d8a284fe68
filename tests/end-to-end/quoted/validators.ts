import * as f from "fanfare/zod";
import { PipelineStatusSchema } from "./generated/typescript/pipeline.zod.js";

const result = PipelineStatusSchema.safeParse({ message: "Writing", step: "write", progress: 101 });
if (!result.success) console.log(f.issues(result.error));
// [{ path: "/progress", rule: "maximum", message: "must be at most 100", value: "101" }]
