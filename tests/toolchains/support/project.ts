import { appendFile, cp, mkdir, readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { command, dist, here, root, tarball } from "./paths.js";
import { run, type Settings } from "./run.js";

/** The addresses in `app.yaml`. */
export const addresses = {
  pipeline: "pipeline:{runId}",
  invoices: "billing-invoices:{customerId}",
  presence: "team-presence",
  audit: "audit-log:{year}",
} as const;

/** Properties of payloads in `app.yaml` that the channel `pipeline` does not have. */
export const properties = ["vatNumber", "nickname", "loginAddress", "exportedRows"] as const;

/** A project of a user, with the packed package in its own `node_modules` and generated code. */
export class Project {
  readonly folder: string;

  private constructor(folder: string) {
    this.folder = folder;
  }

  /** Copies `projects/<template>` over the files that all projects have. `options` are those of TypeScript's output. */
  static async create(template: string, name = template, options = ""): Promise<Project> {
    const project = new Project(join(dist, name));
    await rm(project.folder, { recursive: true, force: true });
    await mkdir(project.folder, { recursive: true });
    for (const source of ["common", template]) {
      await cp(join(here, "projects", source), project.folder, { recursive: true });
    }
    await appendFile(join(project.folder, "fanfare.yaml"), options);
    await unpack(tarball, join(project.folder, "node_modules/fanfare"));
    await project.run(command, ["generate"]);
    return project;
  }

  /** Adds the `main.ts` of the README, also as plain JavaScript for tools that compile no TypeScript. */
  async addReadmePage(): Promise<void> {
    await cp(join(root, "tests/end-to-end/quoted/main.ts"), join(this.folder, "main.ts"));
    await this.run(join(root, "node_modules/.bin/esbuild"), ["main.ts", "--outfile=main.mjs"]);
  }

  run(program: string, args: readonly string[], settings?: Settings): Promise<string> {
    return run(this.folder, program, args, settings);
  }

  /** Runs a script of the project's package.json. */
  npm(script: string, settings?: Settings): Promise<string> {
    return this.run("npm", ["run", "--silent", script], settings);
  }

  /** Returns the text of all JavaScript files below a folder. */
  async readScripts(folder: string): Promise<string> {
    const files = await readdir(join(this.folder, folder), { recursive: true });
    const scripts = files.filter((file) => /\.[cm]?js$/u.test(file)).sort();
    return (await Promise.all(scripts.map((file) => readFile(join(this.folder, folder, file), "utf8")))).join("\n");
  }
}

/** Extracts a packed npm package into a folder. */
export async function unpack(archive: string, folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  await run(folder, "tar", ["-xzf", archive, "--strip-components=1"]);
}

export function gzipSize(text: string): number {
  return gzipSync(text, { level: 9 }).length;
}
