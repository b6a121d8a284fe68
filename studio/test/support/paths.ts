import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";

/** The folder of the repository. */
export const root = join(import.meta.dirname, "../../..");

/** The committed page. */
export const page = join(root, "runtime/rust/studio");

/** Returns the path of a program that cargo has built. */
export function program(name: string): string {
  return join(process.env["CARGO_TARGET_DIR"] ?? join(root, "target"), "debug", name);
}

const BROWSERS = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/** Returns the path of `FANFARE_CHROMIUM`, or of a Chromium on the search path. */
export function findBrowser(): string {
  const folders = (process.env["PATH"] ?? "").split(delimiter);
  const onPath = BROWSERS.flatMap((name) => folders.map((folder) => join(folder, name)));
  const path = [process.env["FANFARE_CHROMIUM"] ?? "", ...onPath].find((candidate) => existsSync(candidate));
  if (path === undefined) {
    throw new Error("Chromium was not found: install it, or set FANFARE_CHROMIUM to its path");
  }
  return path;
}
