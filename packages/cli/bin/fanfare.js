#!/usr/bin/env node
// Runs the program of the platform's package, which npm installs as an optional dependency.
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const platform = `${process.platform}-${process.arch}`;
const name = `@fanfare/cli-${platform}`;

/** Returns the path of the program, or prints how to install it. */
function findProgram() {
  try {
    return createRequire(import.meta.url).resolve(`${name}/bin/fanfare${process.platform === "win32" ? ".exe" : ""}`);
  } catch {
    const { optionalDependencies } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));
    if (name in optionalDependencies) {
      console.error(`error: the package ${name} is not installed
  = help: run \`npm install --include=optional @fanfare/cli\`; if the lock file was written on another platform and lacks
          the package, delete it together with node_modules, and run \`npm install\`
  = help: or run \`cargo install fanfare-cli\`, and \`fanfare\` instead of \`npx fanfare\``);
    } else {
      console.error(`error: @fanfare/cli has no program for ${platform}
  = help: run \`cargo install fanfare-cli\`, and \`fanfare\` instead of \`npx fanfare\``);
    }
    return undefined;
  }
}

const program = findProgram();
if (program === undefined) {
  process.exitCode = 1;
} else {
  const { error, signal, status } = spawnSync(program, process.argv.slice(2), { stdio: "inherit" });
  if (error) {
    console.error(`error: cannot start ${program}: ${error.message}`);
  }
  if (signal) {
    process.kill(process.pid, signal);
  }
  process.exitCode = status ?? 1;
}
