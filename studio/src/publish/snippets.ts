import type { Definition } from "../api/types.js";
import { paramsOf } from "../channels/definition.js";

/** A message or signal to send from code. */
export interface SnippetTarget {
  readonly channel: string;
  readonly definition: Definition | undefined;
  readonly kind: "topic" | "signal";
  /** The name of the topic or signal. */
  readonly name: string;
  readonly payload: unknown;
}

/** Returns a command that sends the payload. The signing key is read from the environment. */
export function curlOf({ channel, kind, name, payload }: SnippetTarget): string {
  const route = kind === "topic" ? "publish" : "signal";
  const query = new URLSearchParams(kind === "topic" ? { channel, topic: name } : { channel, name });
  const body = JSON.stringify(payload).replaceAll("'", "'\\''");
  return [
    `curl --request POST '${location.origin}/v1/realtime/${route}?${query.toString()}' \\`,
    `  --header "Authorization: Bearer $FANFARE_SIGNING_KEY" \\`,
    `  --data '${body}'`,
  ].join("\n");
}

/** Returns statements for a server that embeds the hub. */
export function rustOf({ channel, definition, kind, name, payload }: SnippetTarget): string {
  const text = rawStringOf(JSON.stringify(payload));
  if (kind === "topic") {
    return [
      `let payload = ${text};`,
      `hub.publish_json(${JSON.stringify(channel)}, ${JSON.stringify(name)}, payload.as_bytes()).await?;`,
    ].join("\n");
  }
  const params = definition === undefined ? [] : Object.values(paramsOf(definition, channel));
  const type = pascalCase(definition?.name ?? channel);
  const created = `${type}::new(${params.map((value) => JSON.stringify(value)).join(", ")})${params.length === 0 ? "" : "?"}`;
  return [
    `let channel = ${created};`,
    `let payload = serde_json::from_str(${text})?;`,
    `hub.signal(channel.${snakeCase(name)}(), &payload).await?;`,
  ].join("\n");
}

/** Returns a module for a backend in TypeScript. */
export function typeScriptOf({ channel, definition, kind, name, payload }: SnippetTarget): string {
  const constant = camelCase(definition?.name ?? channel);
  const params = definition === undefined ? [] : Object.entries(paramsOf(definition, channel));
  const values = params.map(([param, value]) => `${isIdentifier(param) ? param : JSON.stringify(param)}: ${JSON.stringify(value)}`).join(", ");
  const instance = params.length === 0 ? constant : `${constant}({ ${values} })`;
  const call = kind === "topic" ? "publish" : "send";
  const member = isIdentifier(name) ? `${instance}.${name}` : `${instance}[${JSON.stringify(name)}]`;
  return [
    `import { createRealtime } from "fanfare/server";`,
    `import { ${constant} } from "./generated/typescript/index.js";`,
    "",
    `const realtime = createRealtime({ apiBaseUrl: ${JSON.stringify(location.origin)}, signingKey: process.env["FANFARE_SIGNING_KEY"] });`,
    `await realtime.${call}(${member}, ${JSON.stringify(payload, null, 2)});`,
  ].join("\n");
}

function rawStringOf(text: string): string {
  let marks = "#";
  while (text.includes(`"${marks}`)) {
    marks += "#";
  }
  return `r${marks}"${text}"${marks}`;
}

function isIdentifier(name: string): boolean {
  return /^[A-Za-z_$][\w$]*$/.test(name);
}

function wordsOf(name: string): readonly string[] {
  return name.replace(/([a-z0-9])([A-Z])/g, "$1 $2").split(/[^A-Za-z0-9]+/).filter((word) => word !== "");
}

function pascalCase(name: string): string {
  return wordsOf(name).map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join("");
}

function camelCase(name: string): string {
  const pascal = pascalCase(name);
  return pascal.charAt(0).toLowerCase() + pascal.slice(1);
}

function snakeCase(name: string): string {
  return wordsOf(name).join("_").toLowerCase();
}
