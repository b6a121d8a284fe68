// Writes the documentation of a version for a package: `node packages/docs.mjs <folder> [<section> …]` copies the pages that
// `llms.txt` lists, all or those of some sections, with an index. Links to files that are not copied lead to the repository.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, posix } from "node:path";

const root = join(import.meta.dirname, "..");
const [folder, ...sections] = process.argv.slice(2);

if (folder === undefined) {
  console.error("usage: docs.mjs <folder> [<section> …]");
  process.exit(2);
}

/** Pages for people who change Fanfare, or report a vulnerability in it. */
const internal = ["CONTRIBUTING.md", "SECURITY.md", "docs/architecture.md", "docs/glossary.md"];
/** Definitions that the examples use. */
const examples = ["schemas/common.yaml", "schemas/pipeline.yaml"];
const { repository, version } = JSON.parse(readFileSync(join(root, "runtime/typescript/package.json"), "utf8"));
const url = `${repository.url.replace(/^git\+|\.git$/gu, "")}/blob/v${version}`;

const index = readFileSync(join(root, "llms.txt"), "utf8").split(/^(?=## )/mu).filter(isSelected).join("");
const pages = [...index.matchAll(/\]\(([^)]+)\)/gu)].map(([, path]) => path).filter((path) => !internal.includes(path));
const targets = new Map([...pages, ...examples].map((path) => [path, placeOf(path)]));

rmSync(folder, { recursive: true, force: true });
for (const [path, target] of targets) {
  const text = readFileSync(join(root, path), "utf8");
  write(target, path.endsWith(".md") ? relink(text, path, target) : text);
}
const lines = index.split("\n").filter((line) => !internal.some((path) => line.includes(`](${path})`)));
write("llms.txt", relink(lines.join("\n"), "llms.txt", "llms.txt"));

function isSelected(section) {
  const title = /^## (.+)$/mu.exec(section)?.[1];
  return title === undefined || sections.length === 0 || sections.includes(title);
}

/** Returns the path of a file in the folder: pages of `docs` keep theirs, and the example's README gets a name of its own. */
function placeOf(path) {
  if (path.startsWith("docs/")) return path.slice("docs/".length);
  return path === "README.md" ? path : path.replace(/^(?:runtime|schemas)\//u, "").replace(/^examples\/(.+)\/README\.md$/u, "$1.md");
}

/** Replaces the relative links of a page, except in its code blocks. */
function relink(text, path, target) {
  const parts = text.split(/^(```.*?^```)$/gmsu);
  return parts.map((part, at) => (at % 2 === 1 ? part : relinkProse(part, path, target))).join("");
}

function relinkProse(text, path, target) {
  return text.replaceAll(/\]\((?!https?:|#)([^)#\s]+)(#[^)\s]*)?\)/gu, (_, link, anchor = "") => {
    const linked = posix.join(posix.dirname(path), link);
    const copied = targets.get(linked);
    const place = copied === undefined ? `${url}/${linked}` : posix.relative(posix.dirname(target), copied);
    return `](${place}${anchor})`;
  });
}

function write(path, text) {
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileSync(join(folder, path), text);
}
