import type { Definition, ParamInfo } from "../api/types.js";
import { decode } from "../route.js";

/** Returns the definition that has a channel. */
export function definitionOf(definitions: readonly Definition[], channel: string): Definition | undefined {
  return definitions.find(({ address }) => patternOf(address).test(channel));
}

export function nameOfParam(param: ParamInfo): string {
  return typeof param === "string" ? param : param.name;
}

/** Returns the channel with these params, or undefined if one is empty. */
export function channelOf(definition: Definition, params: Readonly<Record<string, string>>): string | undefined {
  const names = definition.params.map(nameOfParam);
  if (names.some((name) => (params[name] ?? "") === "")) return undefined;
  return definition.address.replace(/\{([^{}]*)\}/g, (_, name: string) => encode(params[name] ?? ""));
}

/** Returns the params of a channel's name. */
export function paramsOf(definition: Definition, channel: string): Readonly<Record<string, string>> {
  const names = [...definition.address.matchAll(/\{([^{}]*)\}/g)].map((match) => match[1] ?? "");
  const values = patternOf(definition.address).exec(channel)?.slice(1) ?? [];
  return Object.fromEntries(names.map((name, at) => [name, decode(values[at] ?? "")]));
}

function patternOf(address: string): RegExp {
  const parts = address.split(/\{[^{}]*\}/).map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  return new RegExp(`^${parts.join("([A-Za-z0-9_.~%-]+)")}$`);
}

function encode(value: string): string {
  return encodeURIComponent(value).replace(/[!'()*]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`);
}
