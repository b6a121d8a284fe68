import { cp, mkdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { delimiter, dirname, join } from "node:path";
import { command, here, root, tarball } from "./paths.js";
import { unpack } from "./project.js";

const guide = join(root, "docs/guides/existing-project.md");

/** A search path with the command `fanfare`. */
export const searchPath = `${dirname(command)}${delimiter}${process.env["PATH"] ?? ""}`;

/**
 * Creates the application of the guide for existing projects, with its steps taken, next to a link to the repository.
 * Returns its folder. Not in `dist`, where Cargo would add it to the workspace of the repository.
 */
export async function createGuideProject(name: string): Promise<string> {
  const parent = join(root, "target/guide", name);
  const folder = join(parent, "shop");
  await rm(parent, { recursive: true, force: true });
  await mkdir(parent, { recursive: true });
  await symlink(root, join(parent, "fanfare"));
  await cp(join(here, "projects/existing"), folder, { recursive: true });
  await writeGuideFiles(folder);
  await unpack(tarball, join(folder, "web/node_modules/fanfare"));
  return folder;
}

/** Returns the blocks of the guide in a language. */
export async function readGuideBlocks(language: string): Promise<string[]> {
  const blocks = (await readFile(guide, "utf8")).matchAll(/^```(\w+)\n(.*?)^```$/gmsu);
  return [...blocks].filter((block) => block[1] === language).map((block) => block[2] ?? "");
}

/** Writes the blocks that begin with a comment with their path. */
async function writeGuideFiles(folder: string): Promise<void> {
  const blocks = (await readFile(guide, "utf8")).matchAll(/^```\w+\n(?:#|\/\/) (\S+\.\w+)\n(.*?)^```$/gmsu);
  for (const [, file = "", text = ""] of blocks) {
    await mkdir(dirname(join(folder, file)), { recursive: true });
    await writeFile(join(folder, file), text);
  }
}
