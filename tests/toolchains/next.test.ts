import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { beforeAll, describe, expect, test } from "vitest";
import { addHub, showsStatus } from "./support/browser.js";
import { addresses, Project, properties } from "./support/project.js";
import { environment } from "./support/run.js";

describe.each(["turbopack", "webpack"])("Next.js with %s", (bundler) => {
  let project: Project;
  let scripts: string;

  beforeAll(async () => {
    project = await Project.create("next", `next-${bundler}`);
    await project.npm(bundler);
    scripts = await project.readScripts(".next/static");
  });

  test("builds client components, server components and routes that work", async () => {
    await using server = await start(project);
    const html = await (await fetch(server.url)).text();
    expect(html).toContain('title="pipeline:run_42"');
    expect(html).toContain('<p id="status">');
    const status = await fetch(new URL("/runs/status", server.url));
    expect(await status.json()).toEqual({ message: "Writing", progress: 40 });
    await showsStatus(project, server.url);
  });

  test("leaves out the channels that the page does not import", () => {
    expect(scripts).toContain(addresses.pipeline);
    expect([addresses.invoices, addresses.presence, addresses.audit].filter((name) => scripts.includes(name))).toEqual([]);
  });

  test("leaves out the validators of other channels", () => {
    expect(properties.filter((name) => scripts.includes(name))).toEqual([]);
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
