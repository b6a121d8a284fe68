import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";

/** Returns `true` if a program is on the search path. */
export function isOnPath(program: string): boolean {
  return (process.env["PATH"] ?? "").split(delimiter).some((folder) => existsSync(join(folder, program)));
}
