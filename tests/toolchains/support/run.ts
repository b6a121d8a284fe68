import { execFile } from "node:child_process";
import { promisify } from "node:util";

export interface Settings {
  readonly env?: NodeJS.ProcessEnv;
  /** Receives no variables of the environment but these. */
  readonly only?: boolean;
}

/** Returns the environment of a user's terminal, without a network for npm. */
export function environment(added: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
  // npm, which starts these tests, and Vitest set variables that change how other tools behave.
  const foreign = /^(?:npm_.*|vitest.*|node_env|node_options|tinypool.*|force_color|dev|prod|test|mode)$/iu;
  const inherited = Object.entries(process.env).filter(([name]) => !foreign.test(name));
  const settings = { npm_config_offline: "true", NEXT_TELEMETRY_DISABLED: "1", NO_COLOR: "1" };
  return { ...Object.fromEntries(inherited), ...settings, ...added };
}

/** Runs a program and returns its output. The error of a failure contains the output. */
export async function run(
  folder: string,
  program: string,
  args: readonly string[],
  { env = {}, only = false }: Settings = {},
): Promise<string> {
  try {
    const { stdout, stderr } = await promisify(execFile)(program, args, {
      cwd: folder,
      env: only ? env : environment(env),
      maxBuffer: 64 * 1024 * 1024,
    });
    return stdout + stderr;
  } catch (cause) {
    const { stdout = "", stderr = "", message } = cause as Error & { stdout?: string; stderr?: string };
    throw new Error(`${message}\n${stdout}${stderr}`, { cause });
  }
}
