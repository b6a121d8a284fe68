import { readFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server as HttpServer } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join, normalize } from "node:path";
import { builtPage } from "./paths.js";

const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
};

export interface PageOptions {
  readonly transport?: "auto" | "websocket" | "sse";
  /** The time between two attempts to connect, in milliseconds. */
  readonly wait?: string;
  /** If set, the page also subscribes with handlers that throw. */
  readonly throws?: "";
  /** If set, the page uses its session instead of a token. */
  readonly session?: "";
}

/** The backend of an application, which serves the page of these tests and tokens. */
export class Site {
  readonly #listener: HttpServer;
  readonly #mint: (run: string) => Promise<string>;
  readonly #page: string;
  /** The number of tokens that the page has requested. */
  tokens = 0;
  /** The header that is sent with the page, if not empty. */
  contentSecurityPolicy = "";

  private constructor(mint: (run: string) => Promise<string>, page: string) {
    this.#mint = mint;
    this.#page = page;
    this.#listener = createServer((request, response) => {
      void this.#answer(request).then(({ status, type, body }) => {
        const policy = this.contentSecurityPolicy;
        const more = policy === "" ? {} : { "content-security-policy": policy };
        response.writeHead(status, { "content-type": type, ...more }).end(body);
      });
    });
  }

  static async start(mint: (run: string) => Promise<string>, page = builtPage): Promise<Site> {
    const site = new Site(mint, page);
    await new Promise<void>((resolve) => site.#listener.listen(0, "127.0.0.1", resolve));
    return site;
  }

  get origin(): string {
    const { port } = this.#listener.address() as AddressInfo;
    return `http://127.0.0.1:${port}`;
  }

  /** Returns the URL of a page for a run whose server is at `api`. */
  url(run: string, api: string, options: PageOptions = {}, page = ""): string {
    const query = new URLSearchParams({ run, api, ...options });
    return `${this.origin}/${page}?${query.toString()}`;
  }

  stop(): void {
    this.#listener.close();
    this.#listener.closeAllConnections();
  }

  async #answer(request: IncomingMessage): Promise<{ status: number; type: string; body: string | Buffer }> {
    const { pathname, searchParams } = new URL(request.url ?? "/", "http://site");
    if (pathname === "/token") {
      this.tokens += 1;
      return { status: 200, type: "text/plain", body: await this.#mint(searchParams.get("run") ?? "") };
    }
    const file = pathname === "/" ? "index.html" : normalize(pathname);
    try {
      const body = await readFile(join(this.#page, file));
      return { status: 200, type: TYPES[extname(file)] ?? "application/octet-stream", body };
    } catch {
      return { status: 404, type: "text/plain", body: "not found" };
    }
  }
}
