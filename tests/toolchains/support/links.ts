import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { dirname, join } from "node:path";

/** Returns the relative links of the Markdown files and `llms.txt` in a folder that lead to no file or heading of it. */
export async function findBrokenLinks(folder: string): Promise<string[]> {
  const files = (await readdir(folder, { recursive: true })).filter((file) => /\.(?:md|txt)$/u.test(file));
  const broken = await Promise.all(
    files.map(async (file) => {
      const prose = await readProse(join(folder, file));
      const links = [...prose.matchAll(/\]\((?!https:)([^)#\s]*)(?:#([^)\s]*))?\)/gu)];
      const checked = links.map(async ([link, path = "", heading]) => {
        const target = path === "" ? join(folder, file) : join(folder, dirname(file), path);
        const isInside = target.startsWith(folder) && existsSync(target);
        const isFound = isInside && (heading === undefined || (await readHeadings(target)).includes(heading));
        return isFound ? [] : [`${file}: ${link}`];
      });
      return (await Promise.all(checked)).flat();
    }),
  );
  return broken.flat();
}

/** Returns the anchors that GitHub gives to the headings of a document. */
async function readHeadings(path: string): Promise<string[]> {
  const headings = [...(await readProse(path)).matchAll(/^#+ (.+)$/gmu)];
  return headings.map(([, text = ""]) => text.toLowerCase().replaceAll(" ", "-").replaceAll(/[^\p{L}\p{N}_-]/gu, ""));
}

async function readProse(path: string): Promise<string> {
  return (await readFile(path, "utf8")).replaceAll(/^```.*?^```$/gmsu, "");
}
