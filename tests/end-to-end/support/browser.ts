import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { type Browser, chromium } from "playwright-core";

const NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

export function startBrowser(): Promise<Browser> {
  return chromium.launch({ executablePath: findBrowser(), args: ["--no-sandbox"] });
}

/** Returns the path of `FANFARE_CHROMIUM`, or of a Chromium on the search path. */
export function findBrowser(): string {
  const folders = (process.env["PATH"] ?? "").split(delimiter);
  const onPath = NAMES.flatMap((name) => folders.map((folder) => join(folder, name)));
  const executablePath = [process.env["FANFARE_CHROMIUM"] ?? "", ...onPath].find((path) => existsSync(path));
  if (executablePath === undefined) {
    throw new Error("Chromium was not found: install it, or set FANFARE_CHROMIUM to its path");
  }
  return executablePath;
}
