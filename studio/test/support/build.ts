import { execFileSync } from "node:child_process";
import { root } from "./paths.js";

/** The programs that the tests start. The first two embed the committed page. */
const PACKAGES = ["fanfare-studio-server", "fanfare-cli", "content-pipeline"];

export default function build(): void {
  const packages = PACKAGES.flatMap((name) => ["--package", name]);
  execFileSync("cargo", ["build", "--quiet", ...packages], { cwd: root, stdio: "inherit" });
}
