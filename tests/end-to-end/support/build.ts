import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { program, root } from "./paths.js";

/** Builds everything that the tests start or import. Each command is fast if nothing has changed. */
export default async function build(): Promise<void> {
  await buildPrograms(["fanfare-test-server", "content-pipeline", "fanfare-cli"]);
  for (const version of ["old", "new"]) {
    const schemas = `tests/end-to-end/versions/${version}/schemas`;
    await run(program("fanfare"), ["generate", "--schemas", schemas, "--out", `target/versions/${version}`]);
  }
  await buildPackage("fanfare");
  await buildPackage("content-pipeline-page");
  await run("npm", ["run", "build-page", "--workspace", "fanfare-end-to-end"]);
}

/** Builds packages of the Rust workspace, unless `cargo xtask test` has built them all. */
export async function buildPrograms(packages: readonly string[]): Promise<void> {
  if (!isPrebuilt()) {
    await run("cargo", ["build", "--quiet", ...packages.flatMap((name) => ["--package", name])]);
  }
}

/** Builds an npm package that tests of several packages use, unless `cargo xtask test` has built it. */
export async function buildPackage(name: string): Promise<void> {
  if (!isPrebuilt()) {
    await run("npm", ["run", "build", "--workspace", name]);
  }
}

/** Returns `true` if other tests may use what is built, so that nothing must replace it. */
function isPrebuilt(): boolean {
  return process.env["FANFARE_PREBUILT"] !== undefined;
}

/** Runs a command in the workspace. The error contains its output. */
export async function run(command: string, args: readonly string[]): Promise<void> {
  try {
    await promisify(execFile)(command, args, { cwd: root });
  } catch (cause) {
    const { stdout, stderr } = cause as { stdout?: string; stderr?: string };
    throw new Error(`${command} ${args.join(" ")} failed\n${stdout ?? ""}${stderr ?? ""}`, { cause });
  }
}
