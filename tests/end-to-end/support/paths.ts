import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** The folder of the workspace. */
// Not `new URL("…", import.meta.url)`, which Vite treats as an asset of a page in tests with a DOM.
export const root = join(fileURLToPath(import.meta.url), "../../../../");

/** The built page of these tests. */
export const builtPage = join(root, "tests/end-to-end/page/dist");

/** The built pages of both versions of a definition. */
export const builtVersions = join(root, "tests/end-to-end/versions/page/dist");

/** The built pages that use other frameworks than React. */
export const builtFrameworks = join(root, "tests/end-to-end/frameworks/dist");

/** The built page that uses Inngest's hook. */
export const builtInngestPage = join(root, "tests/inngest/page/dist");

/** The built page of the example. */
export const builtDemoPage = join(root, "examples/content-pipeline/page/dist");

/** Returns the path of a file that a test saves for people to look at. */
export function artifact(name: string): string {
  return join(root, "artifacts", name);
}

/** Returns the path of a program that cargo has built. */
export function program(name: string): string {
  return join(process.env["CARGO_TARGET_DIR"] ?? join(root, "target"), "debug", name);
}
