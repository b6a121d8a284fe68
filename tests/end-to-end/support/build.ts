import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { program, root } from "./paths.js";

/** Builds everything that the tests start or import. Each command is fast if nothing has changed. */
export default async function build(): Promise<void> {
  const programs = ["fanfare-test-server", "content-pipeline", "fanfare-cli"];
  await run("cargo", ["build", "--quiet", ...programs.flatMap((name) => ["--package", name])]);
  for (const version of ["old", "new"]) {
    const schemas = `tests/end-to-end/versions/${version}/schemas`;
    await run(program("fanfare"), ["generate", "--schemas", schemas, "--out", `target/versions/${version}`]);
  }
  await run("npm", ["run", "build", "--workspace", "fanfare"]);
  await run("npm", ["run", "build", "--workspace", "content-pipeline-page"]);
  await run("npm", ["run", "build-page", "--workspace", "fanfare-end-to-end"]);
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
