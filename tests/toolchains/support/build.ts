import { mkdir, rename } from "node:fs/promises";
import { join } from "node:path";
import { buildPackage, buildPrograms } from "../../end-to-end/support/build.js";
import { dist, root, tarball } from "./paths.js";
import { run } from "./run.js";

/** Builds the command and the client, and packs the client as it is published. */
export default async function build(): Promise<void> {
  await buildPrograms(["fanfare-cli"]);
  await buildPackage("fanfare");
  await mkdir(dist, { recursive: true });
  const packed = await run(root, "npm", ["pack", "--workspace", "fanfare", "--pack-destination", dist, "--loglevel=error"]);
  const name = packed.trim().split("\n").at(-1) ?? "";
  await rename(join(dist, name), tarball);
}
