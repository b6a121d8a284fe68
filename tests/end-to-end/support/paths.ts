import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** The workspace's folder. */
// Not `new URL("…", import.meta.url)`: in tests with a DOM, Vite takes that for an asset of a page.
export const root = join(fileURLToPath(import.meta.url), "../../../../");

/** The page of these tests, as Vite builds it. */
export const builtPage = join(root, "tests/end-to-end/page/dist");

/** The page that uses Inngest's own hook. */
export const builtInngestPage = join(root, "tests/inngest/page/dist");

/** The example's page. */
export const builtDemoPage = join(root, "examples/content-pipeline/page/dist");

/** What a test leaves for people to look at. */
export function artifact(name: string): string {
  return join(root, "artifacts", name);
}

/** A program that cargo has built. */
export function program(name: string): string {
  return join(process.env["CARGO_TARGET_DIR"] ?? join(root, "target"), "debug", name);
}
