import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** The folder of these tests. */
export const here = join(fileURLToPath(import.meta.url), "../..");

/** The folder of the repository. */
export const root = join(here, "../..");

/** The packed packages and the projects that use them. */
export const dist = join(here, "dist");

/** The packed npm package `fanfare`. */
export const tarball = join(dist, "fanfare.tgz");

export const command = join(root, "target/debug", process.platform === "win32" ? "fanfare.exe" : "fanfare");
