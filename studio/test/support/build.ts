import { execFileSync } from "node:child_process";
import { root } from "./paths.js";

/** The programs that the tests start. The first three embed the committed page. */
const TARGETS = [
  ["--package", "fanfare-studio-server", "--bins", "--examples"],
  ["--package", "fanfare-cli", "--package", "content-pipeline"],
];

export default function build(): void {
  if (process.env["FANFARE_PREBUILT"] !== undefined) {
    // `cargo xtask test` has built all programs.
    return;
  }
  for (const targets of TARGETS) {
    execFileSync("cargo", ["build", "--quiet", ...targets], { cwd: root, stdio: "inherit" });
  }
}
