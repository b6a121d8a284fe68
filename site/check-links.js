/** Checks that the files and anchors of all links in the site exist: `node check-links.js FOLDER`. */

import { readdirSync, readFileSync, statSync } from "node:fs";
import { join, posix } from "node:path";

const folder = process.argv[2];
const files = new Set(readdirSync(folder, { recursive: true }).map((file) => file.replaceAll("\\", "/")));
const anchors = new Map();
const pages = [...files].filter((file) => file.endsWith(".html") && !file.startsWith("rust/"));
const broken = [];
let count = 0;
for (const page of pages) {
  for (const [, attribute, link] of read(page).matchAll(/\s(href|src)="([^"]*)"/gu)) {
    if (/^(?:[a-z]+:|\/\/)/u.test(link)) continue;
    count += 1;
    const [path, anchor] = link.replaceAll("&amp;", "&").split("#").map(decodeURIComponent);
    const target = path === "" ? page : resolve(page, path);
    const isBroken = !files.has(target) || (anchor && attribute === "href" && !findAnchors(target).has(anchor));
    if (isBroken) broken.push(`${page}: ${link}`);
  }
}
const size = [...files].reduce((sum, file) => sum + statSync(join(folder, file)).size, 0);
console.log(`  ${pages.length} pages, ${count} links, ${(size / 1e6).toFixed(1)} MB with the Rust API`);
if (pages.length === 0) throw new Error(`${folder} contains no pages`);
if (broken.length > 0) {
  console.error(`${broken.length} links cannot be resolved:\n${[...new Set(broken)].join("\n")}`);
  process.exitCode = 1;
}

function read(file) {
  return readFileSync(join(folder, file), "utf8");
}

function resolve(page, path) {
  const target = path.startsWith("/") ? path.slice(1) : posix.join(posix.dirname(page), path);
  return target === "" || target.endsWith("/") ? `${target}index.html` : target;
}

function findAnchors(file) {
  const known = anchors.get(file) ?? new Set(["", ...[...read(file).matchAll(/\sid="([^"]*)"/gu)].map(([, id]) => id)]);
  anchors.set(file, known);
  return known;
}
