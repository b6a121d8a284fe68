import { execFileSync } from "node:child_process";
import { root } from "./paths.js";

/** Builds the servers, which embed the committed page. */
export default function build(): void {
  execFileSync("cargo", ["build", "--quiet", "--package", "fanfare-studio-server", "--bins", "--examples"], { cwd: root, stdio: "inherit" });
}
