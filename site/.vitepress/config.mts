import { existsSync, readFileSync, statSync } from "node:fs";
import { dirname, join, posix } from "node:path";
import { renderMermaid } from "beautiful-mermaid";
import { type DefaultTheme, defineConfig } from "vitepress";

/** `cargo xtask docs` sets the folder, and copies the pages to its subfolder `source`. */
const folder = process.env["FANFARE_DOCS"];
if (folder === undefined) throw new Error("run `cargo xtask docs`, which prepares the pages");
const root = join(import.meta.dirname, "../..");
const repository = "https://github.com/fanfare-rs/fanfare";

const sidebar = readSections(readFileSync(join(folder, "source/llms.txt"), "utf8"));
const pages = new Set(sidebar.flatMap(({ items = [] }) => items.map(({ link = "" }) => link)));
/** The diagrams of all pages, by their code. They are drawn now, because Markdown is rendered synchronously. */
const diagrams = new Map<string, string>();
for (const page of pages) {
  const text = readFileSync(join(folder, "source", page), "utf8");
  for (const [, code = ""] of text.matchAll(/^```mermaid\n(.*?)^```$/gmsu)) diagrams.set(code, await draw(code));
}

export default defineConfig({
  title: "Fanfare",
  description: "Typed realtime channels from one definition, for Rust servers and TypeScript pages",
  // The site has no icon, and browsers do not request an empty one.
  head: [["link", { rel: "icon", href: "data:," }]],
  srcDir: join(folder, "source"),
  outDir: join(folder, "site"),
  cacheDir: join(folder, "cache"),
  srcExclude: ["public/**"],
  // The default includes browsers for which esbuild cannot compile the code.
  vite: { build: { target: "es2022", chunkSizeWarningLimit: 2000 } },
  rewrites: (page) => page.replace(/README\.md$/u, "index.md"),
  markdown: {
    anchor: { slugify: githubAnchor },
    headers: { slugify: githubAnchor },
    toc: { slugify: githubAnchor },
    theme: { light: "github-light", dark: "github-dark" },
    languageAlias: { caddyfile: "nginx" },
    config(markdown) {
      markdown.core.ruler.push("links to files", (state) => {
        const page: string = state.env.relativePath;
        if (page.startsWith("typescript/")) return;
        for (const token of state.tokens.flatMap(({ children }) => children ?? [])) {
          const href = token.type === "link_open" ? token.attrGet("href") : null;
          if (href !== null) token.attrSet("href", siteLink(page, href));
        }
      });
      const { fence } = markdown.renderer.rules;
      markdown.renderer.rules.fence = (...parameters) => {
        const token = parameters[0][parameters[1]];
        if (token?.info === "mermaid") return diagrams.get(token.content) ?? "";
        return fence?.(...parameters) ?? "";
      };
    },
  },
  themeConfig: {
    search: { provider: "local" },
    outline: [2, 3],
    sidebar: [
      ...sidebar,
      {
        text: "API",
        items: [
          { text: "TypeScript", link: "typescript/index.md" },
          { text: "Rust: fanfare", link: "/rust/fanfare/index.html", target: "_self" },
          { text: "Rust: fanfare_codegen", link: "/rust/fanfare_codegen/index.html", target: "_self" },
        ],
      },
    ].map((section) => ({ ...section, items: section.items?.map(withRoute) })),
    nav: [
      { text: "Documentation", link: "/" },
      { text: "TypeScript", link: "/typescript/" },
      { text: "Rust", link: "/rust/fanfare/index.html", target: "_self" },
    ],
    socialLinks: [{ icon: "github", link: repository }],
  },
});

/** Reads the sections and pages of `llms.txt`. The link of each item is a path in the repository. */
function readSections(text: string): DefaultTheme.SidebarItem[] {
  return text.split(/^## /mu).slice(1).map((section) => {
    const links = [...section.matchAll(/^- \[(.*?)\]\((.*?)\)/gmu)];
    const items = links.map(([, text = "", link = ""]) => ({ text: text.replaceAll("`", ""), link }));
    return { text: section.split("\n")[0], items, collapsed: false };
  });
}

/** Returns the item with the address of its page in place of the path of its file. */
function withRoute<Item extends DefaultTheme.SidebarItem>(item: Item): Item {
  return item.link?.endsWith(".md") ? { ...item, link: route(item.link) } : item;
}

function route(path: string): string {
  return `/${path.replace(/(?:README|index)\.md$/u, "").replace(/\.md$/u, ".html")}`;
}

/** Returns the address of what a link in the repository leads to: a page of the site, or a file on GitHub. */
function siteLink(page: string, href: string): string {
  if (/^(?:[a-z]+:|#)/u.test(href)) return href;
  const [file = "", anchor] = href.split("#");
  const path = posix.join(dirname(page), file);
  const suffix = anchor === undefined ? "" : `#${anchor}`;
  const target = [path, `${path}/README.md`].find((candidate) => pages.has(candidate));
  if (target !== undefined) return route(target) + suffix;
  if (!existsSync(join(root, path))) throw new Error(`${page}: the link ${href} names no file`);
  const kind = statSync(join(root, path)).isDirectory() ? "tree" : "blob";
  return `${repository}/${kind}/main/${path}${suffix}`;
}

/** Returns the anchor that GitHub gives to a heading. */
function githubAnchor(heading: string): string {
  return heading.trim().toLowerCase().replaceAll(" ", "-").replaceAll(/[^\p{L}\p{N}_-]/gu, "");
}

/** Draws a diagram in the colours of the theme, from top to bottom, because the column of text is narrow. */
async function draw(code: string): Promise<string> {
  // The library does not know quotes, and knows one of the two notations of labels.
  const labelled = code.replaceAll(/(<?)-- "?([^"\n]+?)"? -->/gu, "$1-->|$2|").replaceAll('"', "");
  const svg = await renderMermaid(labelled.replace(/^flowchart LR/u, "flowchart TB"), {
    bg: "var(--vp-c-bg)",
    fg: "var(--vp-c-text-1)",
    line: "var(--vp-c-text-3)",
    accent: "var(--vp-c-brand-1)",
    font: "inherit",
    nodeSpacing: 16,
    layerSpacing: 24,
    padding: 8,
  });
  // It imports a font from another host, which the site does not need.
  const offline = svg.replaceAll(/@import url\(.*?\);/gu, "");
  // Vue ignores styles in templates, so the SVG is a string.
  return `<div class="diagram" v-html="${escapeAttribute(JSON.stringify(offline))}"></div>`;
}

function escapeAttribute(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll('"', "&quot;");
}
