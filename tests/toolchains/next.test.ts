import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { once } from "node:events";
import { describe, expect, test } from "vitest";
import { addHub, showsStatus } from "./support/browser.js";
import { addresses, Project } from "./support/project.js";
import { environment } from "./support/run.js";

describe.each(["turbopack", "webpack"])("Next.js with %s", (bundler) => {
  test("builds client components, server components and routes that work", async () => {
    const project = await Project.create("next", `next-${bundler}`);
    await project.npm(bundler);
    const bundle = await project.readScripts(".next/static");
    for (const [channel, names] of Object.entries(addresses)) {
      for (const name of names) {
        expect(bundle.includes(name), `${name} is in the scripts of the page`).toBe(channel === "pipeline");
      }
    }
    await using server = await start(project);
    const html = await (await fetch(server.url)).text();
    expect(html).toContain('title="pipeline:run_42"');
    expect(html).toContain('<p id="status">');
    const status = await fetch(new URL("/runs/status", server.url));
    expect(await status.json()).toEqual({ message: "Writing", progress: 40 });
    await showsStatus(project, server.url);
  });
});

/** Starts the built application. Its process has a server in memory, for the route that subscribes. */
async function start(project: Project): Promise<{ url: string } & AsyncDisposable> {
  const hub = await addHub(project);
  const server = spawn("npm", ["run", "--silent", "start", "--", "--port", "0", "--hostname", "127.0.0.1"], {
    cwd: project.folder,
    env: environment({ NODE_OPTIONS: `--import ${hub}` }),
    stdio: ["ignore", "pipe", "inherit"],
    // A group of its own, because npm starts other processes.
    detached: true,
  });
  const exit = once(server, "exit");
  const url = await new Promise<string>((resolve, reject) => {
    const lines = createInterface(server.stdout);
    lines.on("line", (line) => {
      const address = /http:\/\/127\.0\.0\.1:[1-9][0-9]*/u.exec(line)?.[0];
      if (address !== undefined) {
        resolve(address);
      }
    });
    lines.on("close", () => reject(new Error("`next start` exited before it was ready")));
  });
  return {
    url,
    async [Symbol.asyncDispose]() {
      process.kill(-(server.pid ?? 0), "SIGTERM");
      await exit;
    },
  };
}
