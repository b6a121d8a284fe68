import { Inngest } from "inngest";
import type { Server } from "../../end-to-end/support/server.js";

type Options = ConstructorParameters<typeof Inngest>[0];

/** Creates an Inngest client. Only the base URL and the signing key differ from one for Inngest's service. */
export function appOf(server: Pick<Server, "url" | "signingKey">, options: Partial<Options> = {}) {
  return new Inngest({ id: "app", baseUrl: server.url, signingKey: server.signingKey, ...options });
}

/** A request that the SDK sent. */
export interface Sent {
  readonly path: string;
  readonly authorization: string;
  readonly status: number;
}

/** Returns a `fetch` for an {@link Inngest} client that records its requests. */
export function recording(): { readonly fetch: typeof fetch; readonly sent: Sent[] } {
  const sent: Sent[] = [];
  return {
    sent,
    fetch: async (input, init) => {
      const response = await fetch(input, init);
      sent.push({
        path: new URL(input instanceof Request ? input.url : input).pathname,
        authorization: new Headers(init?.headers).get("authorization") ?? "",
        status: response.status,
      });
      return response;
    },
  };
}
