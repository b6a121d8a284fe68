import { execFileSync } from "node:child_process";
import { root } from "./paths.js";

/** Builds the server, which embeds the committed page. */
export default function build(): void {
  execFileSync("cargo", ["build", "--quiet", "--package", "fanfare-studio-server"], { cwd: root, stdio: "inherit" });
}
