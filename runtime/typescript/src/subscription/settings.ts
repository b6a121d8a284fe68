import type { ChannelInput, TopicName } from "../channel/channel.js";
import type { ConnectionOptions } from "../connection/options.js";
import type { TokenInput } from "../connection/token.js";
import type { Cursor } from "../wire.js";
import type { StateOptions } from "./state.js";

/**
 * Settings of a store. They may change while the store is connected. Only `token` is always required;
 * outside a web page, `apiBaseUrl` is, too. If `token` is a function, it may be another one each time; the
 * latest is called.
 */
export interface RealtimeSettings<Validate extends boolean = boolean> extends ConnectionOptions {
  /** A token, or a function that returns one, which is called whenever a new token is needed. */
  readonly token?: TokenInput | undefined;
  /** Whether to connect. Default: true. With `false` the store is paused. */
  readonly enabled?: boolean | undefined;
  /**
   * Whether to validate payloads with the channel's schemas. Default: true. With `false`, `data` is
   * the JSON as it arrived.
   */
  readonly validate?: Validate | undefined;
  /** Whether to leave the server while the page is hidden, and to resume afterwards. Default: true. */
  readonly pauseOnHidden?: boolean | undefined;
  /** Whether to leave the server once the run has ended. Default: true. */
  readonly autoCloseOnTerminal?: boolean | undefined;
  /** The time in milliseconds to collect messages before listeners are called. Default: 0, at once. */
  readonly bufferInterval?: number | undefined;
  /** The maximum number of messages in `messages.all`, and in each list of `messages.allByTopic`. Default: 100; null for no limit. */
  readonly historyLimit?: number | null | undefined;
}

/** Options of a store: its settings, the channel that it reads, and the state that it shows. */
export interface RealtimeOptions<
  Channel extends ChannelInput = ChannelInput,
  Topics extends readonly TopicName<Channel>[] = readonly TopicName<Channel>[],
  Validate extends boolean = boolean,
  State = any,
> extends RealtimeSettings<Validate>,
    StateOptions<Channel, Topics, Validate, State> {
  /**
   * Default: the `channel` of the token, if the token is an object that has one. Without either, the store is
   * idle, for example while an id is still being fetched.
   */
  readonly channel?: Channel | undefined;
  /** Default: the `topics` of the token, if it has any, otherwise all that the token or session grants. */
  readonly topics?: Topics | undefined;
  /** A new value drops all messages and subscribes again. Inngest's hook calls this `key`. */
  readonly resetKey?: string | undefined;
  /**
   * Where to begin: `"now"` (the default), at the `"start"` of the history, after a message id, or at a
   * saved `position`. It is read at the start, and when the channel, its topics or `resetKey` change.
   */
  readonly since?: Cursor | undefined;
}

export type AnyOptions = Omit<RealtimeOptions<ChannelInput, readonly string[], boolean>, keyof StateOptions>;

/** Settings, and the options for a state, which may also change while a store is connected. */
export type AnySettings = RealtimeSettings & StateOptions<any, any, any, any>;

const DEFAULTS = {
  enabled: true,
  validate: true,
  pauseOnHidden: true,
  autoCloseOnTerminal: true,
  bufferInterval: 0,
  historyLimit: 100,
} satisfies RealtimeSettings;

export type Settings = Omit<AnySettings, keyof typeof DEFAULTS> & {
  readonly [Name in keyof typeof DEFAULTS]: Exclude<RealtimeSettings[Name], undefined>;
};

/** Returns the options of both, where those of `own` win unless they are undefined. */
export function mergeOptions<Options extends object>(defaults: Partial<Options>, own: Options): Options {
  const given = Object.entries(own).filter(([, value]) => value !== undefined);
  return { ...defaults, ...Object.fromEntries(given) } as Options;
}

/** Fills in the default of each setting that is undefined. */
export function withDefaults(settings: AnySettings): Settings {
  return mergeOptions<AnySettings>(DEFAULTS, settings) as Settings;
}

/** The channel and the topics that a store reads. */
export interface Source {
  readonly channel: ChannelInput | undefined;
  readonly topics: readonly string[] | undefined;
}

/** Returns what to read, which a token object may name, too. */
export function sourceOf({ channel, topics, token }: AnyOptions): Source {
  const granted = typeof token === "object" ? token : undefined;
  return { channel: channel ?? granted?.channel, topics: topics ?? granted?.topics };
}

/** The options that identify a store. If one changes, another store is needed. */
export interface Identity {
  readonly channel: string | undefined;
  readonly topics: string | undefined;
  readonly resetKey: string | undefined;
}

/** Returns what identifies a store. Arrays and channels that are created at each render are alike. */
export function identityOf(options: AnyOptions): Identity {
  const { channel, topics } = sourceOf(options);
  const name = typeof channel === "object" ? channel.name : channel;
  return { channel: name, topics: JSON.stringify(topics), resetKey: options.resetKey };
}

const CONNECTION = ["apiBaseUrl", "transport", "WebSocket", "reconnect", "reconnectMinMs", "reconnectMaxMs"] as const;

/** Returns `true` if a store must subscribe again to apply the settings. */
export function needsReconnect(before: Settings, after: Settings): boolean {
  return (
    CONNECTION.some((name) => before[name] !== after[name]) ||
    describeToken(before) !== describeToken(after) ||
    !before.state !== !after.state
  );
}

/** Describes a token. All functions are alike, as inline functions differ at each render. */
function describeToken({ token }: Settings): string | undefined {
  return typeof token === "object" ? JSON.stringify([token.key, token.token, token.apiBaseUrl]) : typeof token === "function" ? "" : token;
}
