import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeEach, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { isOnPath } from "./support/find.js";
import { createGuideProject, readGuideBlocks, searchPath } from "./support/guide.js";
import { command, root } from "./support/paths.js";
import { run } from "./support/run.js";

const identity = { GIT_AUTHOR_NAME: "Ada", GIT_AUTHOR_EMAIL: "ada@example.com", GIT_COMMITTER_NAME: "Ada", GIT_COMMITTER_EMAIL: "ada@example.com" };
const env = { PATH: searchPath, GIT_CONFIG_GLOBAL: "/dev/null", GIT_CONFIG_SYSTEM: "/dev/null", ...identity };
const definition = "schemas/reports.yaml";
let shop: string;

beforeEach(async () => {
  shop = await createGuideProject("drift");
  await git("init", "--quiet", "--initial-branch=main");
  await writeFile(join(shop, ".gitignore"), "node_modules\n");
  await run(shop, command, ["generate"]);
  await git("add", ".");
  await git("commit", "--quiet", "--message=Add reports");
});

describe("the hook of the guide", () => {
  beforeEach(async () => {
    const hook = (await readGuideBlocks("sh")).find((block) => block.startsWith("#!"));
    await run(shop, "mkdir", [".githooks"]);
    await writeFile(join(shop, ".githooks/pre-commit"), hook ?? "", { mode: 0o755 });
    await git("add", ".githooks");
    await git("commit", "--quiet", "--amend", "--no-edit");
    await git("config", "core.hooksPath", ".githooks");
  });

  test("is the one that pre-commit runs", async () => {
    const hook = await readFile(join(shop, ".githooks/pre-commit"), "utf8");
    expect(hook).toBe(await readFile(join(root, "packages/git-hook/pre-commit"), "utf8"));
  });

  test("refuses stale files, and accepts current ones", async () => {
    await renameProperty();
    const refused = await git("commit", "--all", "--message=Rename").catch(String);
    expect(refused).toContain("server/src/channels/reports.rs");
    expect(refused).toContain("error: run `fanfare generate`, stage the generated files with `git add`, and commit again");
    expect(await count()).toBe(1);
    await run(shop, command, ["generate"]);
    await git("commit", "--all", "--message=Rename");
    expect(await count()).toBe(2);
  });

  test("checks the staged files", async () => {
    await renameProperty();
    await git("add", definition);
    await run(shop, command, ["generate"]);
    expect(await git("commit", "--message=Rename").catch(String)).toContain("stage the generated files");
    await git("add", ".");
    // Not staged, so it does not matter.
    await writeFile(join(shop, definition), "version: 1\n");
    await git("commit", "--message=Rename");
    expect(await count()).toBe(2);
  });

  test("checks what `git commit <file>` commits, and works in other folders and worktrees", async () => {
    await renameProperty();
    const refused = await run(join(shop, "web"), "git", ["commit", `../${definition}`, "--message=Rename"], { env }).catch(String);
    expect(refused).toContain("stage the generated files");
    await git("stash", "--quiet");
    await git("worktree", "add", "--quiet", "../drift-worktree");
    const worktree = join(shop, "../drift-worktree");
    await run(worktree, "sed", ["-i.bak", "s/percent/share/g", definition]);
    const stale = await run(worktree, "git", ["commit", "--all", "--message=Rename"], { env }).catch(String);
    expect(stale).toContain("stage the generated files");
    await run(worktree, command, ["generate"]);
    await run(worktree, "git", ["commit", "--all", "--message=Rename"], { env });
  });
});

test("pre-commit refuses stale files, and accepts current ones", async ({ skip }) => {
  skip(!isOnPath("pre-commit"), "pre-commit is not on the search path");
  await renameProperty();
  await git("add", definition);
  const args = ["try-repo", join(root), "fanfare", "--verbose"];
  expect(await run(shop, "pre-commit", args, { env }).catch(String)).toContain("stage the generated files");
  await run(shop, command, ["generate"]);
  await git("add", ".");
  expect(await run(shop, "pre-commit", args, { env })).toContain("Passed");
});

describe("the workflow of the guide", () => {
  test("passes, and fails if a file is stale or a change breaks pages", async () => {
    await git("update-ref", "refs/remotes/origin/main", "HEAD");
    const [install, ...steps] = await readSteps();
    // Compiling an optimized program takes minutes: these tests have one.
    expect(install).toBe("cargo install --locked --path fanfare/cli");
    expect(steps).toHaveLength(3);
    for (const step of steps) {
      await execute(step);
    }
    await renameProperty();
    expect(await execute(steps[0]).catch(String)).toContain("server/src/channels/reports.rs");
    await run(shop, command, ["generate"]);
    await execute(steps[0]);
    await execute(steps[1]);
    expect(await execute(steps[2]).catch(String)).toContain("::error");
  });

  test("has the steps of the document about the configuration", async () => {
    const text = await readFile(join(root, "docs/configuration.md"), "utf8");
    const block = /^## In continuous integration\n.*?^```yaml\n(.*?)^```$/msu.exec(text)?.[1] ?? "";
    const steps = parse(block) as { run?: string }[];
    expect(steps.flatMap((step) => step.run ?? [])).toEqual(await readSteps());
  });
});

/** Returns the commands of the workflow. */
async function readSteps(): Promise<string[]> {
  const workflow = parse(await readFile(join(shop, ".github/workflows/channels.yml"), "utf8")) as {
    jobs: { channels: { steps: { run?: string }[] } };
  };
  return workflow.jobs.channels.steps.flatMap((step) => step.run ?? []);
}

/** Runs a command as GitHub does. */
function execute(step = ""): Promise<string> {
  return run(shop, "bash", ["--noprofile", "--norc", "-e", "-o", "pipefail", "-c", step], { env });
}

async function renameProperty(): Promise<void> {
  const path = join(shop, definition);
  await writeFile(path, (await readFile(path, "utf8")).replaceAll("percent", "share"));
}

function git(...args: string[]): Promise<string> {
  return run(shop, "git", args, { env });
}

async function count(): Promise<number> {
  return Number(await git("rev-list", "--count", "HEAD"));
}
