import type { ChannelInput, IsStream, Payload, SignalPayload, SignalReference, TopicName } from "../channel/channel.js";
import type { WebSocketConstructor } from "../connection/transport/websocket.js";
import type { SignalErrorCode } from "../errors.js";
import type { StandardSchema } from "../validate/standard-schema.js";
import type { DriftChange } from "../wire.js";
import { ChannelLog } from "./channel-log.js";
import type { LogFrame } from "./channel-log.js";
import { checkPayload } from "./check.js";
import { decide } from "./decide.js";
import { nameOf, TestRun } from "./run.js";
import { refusalBody } from "./signals.js";
import type { SentSignal, SignalRefusal, TestSignal } from "./signals.js";
import { hubWebSocket, isRoute } from "./socket.js";
import type { HubSocket } from "./socket.js";

/** The functions that publish to the topics of a channel: {@link TestHub.channel}. */
export type TestChannel<Channel extends ChannelInput> = {
  readonly [Topic in TopicName<Channel>]: IsStream<Channel, Topic> extends true
    ? (text?: string, options?: PublishOptions) => TestText
    : (payload: Payload<Channel, Topic, false>, options?: PublishOptions) => void;
};

/** Options of a message. */
export interface PublishOptions {
  /** The run that publishes it. */
  readonly runId?: string;
}

/** A text stream that a test writes. */
export interface TestText {
  write(chunk: string): TestText;
  /** The text is complete. */
  end(): void;
  /** The publisher failed, and the text is incomplete. */
  fail(message?: string): void;
  /** The text is ended on purpose before it is complete. */
  stop(message?: string): void;
}

/** An open subscription of the code under test. */
export interface TestSubscription {
  readonly channel: string;
  /** Undefined if all topics were requested. */
  readonly topics: readonly string[] | undefined;
  /** Undefined if the page's session is used. */
  readonly token: string | undefined;
}

interface Subscription extends TestSubscription {
  readonly socket: HubSocket;
  readonly ref: string;
  readonly fingerprint: string;
}

/** Why the server refuses a subscription: a code in PROTOCOL.md. */
export type RefusalCode = "unauthorized" | "not_granted" | "unknown_channel" | "unknown_topic" | "rate_limited" | "unavailable" | (string & {});

/** A JWT without an issuer, which expires in 2100. */
const TOKEN = "eyJhbGciOiJub25lIn0.eyJleHAiOjQxMDI0NDQ4MDB9.dGVzdA";

type Fetch = typeof globalThis.fetch;

/**
 * A server in memory, for tests of components. While it is open, `WebSocket` and `fetch` reach it for
 * Fanfare's routes of every server; all other requests are unaffected. The client is the real one, and
 * validates what it receives.
 */
export class TestHub {
  /** Options that connect a component to the hub: pass them to `RealtimeProvider`, `subscribe` or a store. */
  readonly options: {
    readonly apiBaseUrl: string;
    readonly token: string;
    readonly reconnectMinMs: number;
    readonly reconnectMaxMs: number;
  } = { apiBaseUrl: "http://test-hub.invalid", token: TOKEN, reconnectMinMs: 1, reconnectMaxMs: 20 };
  /** All signals that were sent, also those that were refused. */
  readonly signals: TestSignal[] = [];
  readonly #logs = new Map<string, ChannelLog>();
  readonly #runs: TestRun<any>[] = [];
  readonly #sockets = new Set<HubSocket>();
  #subscriptions: Subscription[] = [];
  readonly #refusals = new Map<string, { readonly code: RefusalCode; readonly message: string }>();
  readonly #signalRefusals = new Map<string, SignalRefusal>();
  /** Responses by idempotency key, for requests that are repeated. */
  readonly #responses = new Map<string, { readonly status: number; readonly body: unknown }>();
  #unread: TestSignal[] = [];
  #readers: { readonly isFor: (signal: TestSignal) => boolean; readonly resolve: (signal: TestSignal<any>) => void }[] = [];
  #joiners: { readonly channel: string; readonly resolve: () => void }[] = [];
  #isConnected = true;
  #lastStream = 0;
  readonly #restore: () => void;

  constructor() {
    const global = globalThis as { WebSocket?: WebSocketConstructor | undefined; fetch?: Fetch | undefined };
    const { WebSocket, fetch } = global;
    global.WebSocket = hubWebSocket(
      {
        onOpen: (socket) => {
          if (this.#isConnected) {
            this.#sockets.add(socket);
          }
          return this.#isConnected;
        },
        onFrame: (socket, frame) => this.#receive(socket, frame),
        onClose: (socket) => {
          this.#sockets.delete(socket);
          this.#subscriptions = this.#subscriptions.filter((subscription) => subscription.socket !== socket);
        },
      },
      WebSocket,
    );
    global.fetch = this.#fetch(fetch);
    const own = { ...global };
    this.#restore = () => {
      // Another mock may have replaced them since.
      global.WebSocket = global.WebSocket === own.WebSocket ? WebSocket : global.WebSocket;
      global.fetch = global.fetch === own.fetch ? fetch : global.fetch;
    };
  }

  /** The open subscriptions. */
  get subscriptions(): readonly TestSubscription[] {
    return this.#subscriptions.map(({ channel, topics, token }) => ({ channel, topics, token }));
  }

  /**
   * Returns a function for each topic of a channel, which publishes a payload or begins a text stream. Payloads
   * are in their wire form; an invalid one throws an `InvalidPayloadError`.
   *
   * @example
   * ```ts
   * hub.channel(pipeline({ runId })).status({ message: "Writing", step: "write", progress: 40 });
   * hub.channel(pipeline({ runId })).draft("Once ").write("upon").end();
   * ```
   */
  channel<const Channel extends ChannelInput>(channel: Channel): TestChannel<Channel> {
    const log = this.#learn(channel);
    const topics = typeof channel === "string" ? undefined : channel.topics;
    const publisher = (topic: string) => {
      const config = topics?.[topic];
      return (value: unknown, { runId }: PublishOptions = {}) => {
        const base = { topic, ...(runId === undefined ? {} : { run_id: runId }) };
        if (config?.stream === "text") {
          return this.#text(log, base, value);
        }
        const data = checkPayload(config?.schema, value, `topic "${topic}" of the channel "${log.name}"`);
        return this.#append(log, { kind: "data", ...base, data });
      };
    };
    if (topics !== undefined) {
      return Object.fromEntries(Object.keys(topics).map((topic) => [topic, publisher(topic)])) as never;
    }
    return new Proxy({}, { get: (_, topic) => (typeof topic === "string" ? publisher(topic) : undefined) }) as never;
  }

  /** Returns a run on a channel, which the test moves forward: `hub.run(channel).start()`. */
  run<const Channel extends ChannelInput>(channel: Channel, id = `test_run_${this.#runs.length + 1}`): TestRun<Channel> {
    const log = this.#learn(channel);
    const publish = (data: unknown, runId: string) => this.#append(log, { kind: "run", run_id: runId, data });
    const run = new TestRun(channel, id, { publish });
    this.#runs.push(run);
    return run;
  }

  /** Resolves once the code under test has subscribed to a channel. */
  subscribed(channel: ChannelInput): Promise<void> {
    const name = nameOf(channel);
    return this.#subscriptions.some((subscription) => subscription.channel === name)
      ? Promise.resolve()
      : new Promise((resolve) => this.#joiners.push({ channel: name, resolve }));
  }

  /** Resolves to the next signal of this name, in the order of arrival. Each signal is returned once. */
  nextSignal<Channel extends string, Name extends string, Schema extends StandardSchema<any, any>>(
    reference: SignalReference<Schema, Channel, Name>,
  ): Promise<TestSignal<SignalPayload<{ name: string; topics: {}; $signals: Readonly<Record<Name, { schema: Schema }>> }, Name>>> {
    const isFor = ({ channel, signal }: TestSignal) => channel === reference.channel && signal === reference.signal;
    const at = this.#unread.findIndex(isFor);
    const [next] = at === -1 ? [] : this.#unread.splice(at, 1);
    return next === undefined
      ? new Promise((resolve) => this.#readers.push({ isFor, resolve }))
      : Promise.resolve(next as TestSignal<any>);
  }

  /** Refuses the next signal of this name, for example because another user has answered. */
  refuseSignal(
    { channel, signal }: SignalReference<StandardSchema<any, any>>,
    code: SignalErrorCode,
    { message = `refused by the test with the code ${code}`, ...taken }: NonNullable<SignalRefusal["taken"]> & { readonly message?: string } = {},
  ): void {
    this.#signalRefusals.set(`${channel} ${signal}`, { code, message, taken: { signal, at: new Date(), ...taken } });
  }

  /** Cuts all connections, and refuses others until `reconnect` is called. */
  disconnect(): void {
    this.#isConnected = false;
    for (const socket of [...this.#sockets]) {
      socket.lose();
    }
  }

  /** Accepts connections again. In a DOM, the window receives `online`, so that clients connect at once. */
  reconnect(): void {
    this.#isConnected = true;
    const { window } = globalThis as { window?: Window };
    window?.dispatchEvent(new Event("online"));
  }

  /** Loses messages of a channel: subscribers receive a gap. */
  gap(channel: ChannelInput, count = 1): void {
    const log = this.#learn(channel);
    this.#deliver(log, log.lose(count));
  }

  /** Reports that the page was generated from another definition than the server. */
  drift(channel: ChannelInput, changes: readonly DriftChange[] = [{ message: "the definition has changed" }]): void {
    const log = this.#learn(channel);
    log.drift = { kind: "breaking", changes };
    for (const subscription of this.#subscriptions.filter(({ channel }) => channel === log.name)) {
      subscription.socket.deliver(this.#ready(subscription, log, log.end));
    }
  }

  /** Refuses the next attempt to subscribe to a channel, or to renew its token. */
  refuse(channel: ChannelInput, code: RefusalCode = "unauthorized", message = `refused by the test with the code ${code}`): void {
    this.#refusals.set(nameOf(channel), { code, message });
  }

  /** Ends the subscriptions to a channel because their tokens expired or were revoked. */
  endTokens(channel: ChannelInput, code: "expired" | "revoked" = "expired"): void {
    const name = nameOf(channel);
    const ended = this.#subscriptions.filter((subscription) => subscription.channel === name);
    this.#subscriptions = this.#subscriptions.filter((subscription) => !ended.includes(subscription));
    for (const { socket, ref } of ended) {
      socket.deliver({ kind: "unsubscribed", ref, channels: [name], code });
    }
  }

  /** Drops all connections without an event, so that nothing renders again, and restores `WebSocket` and `fetch`. */
  close(): void {
    this.#isConnected = false;
    for (const socket of [...this.#sockets]) {
      socket.close();
    }
    this.#restore();
  }

  #learn(channel: ChannelInput): ChannelLog {
    const log = this.#log(nameOf(channel));
    log.learn(channel);
    return log;
  }

  #log(name: string): ChannelLog {
    const log = this.#logs.get(name) ?? new ChannelLog(name);
    this.#logs.set(name, log);
    return log;
  }

  #append(log: ChannelLog, frame: LogFrame): void {
    this.#deliver(log, log.append(frame));
  }

  #deliver(log: ChannelLog, frame: LogFrame): void {
    for (const subscription of this.#subscriptions.filter(({ channel }) => channel === log.name)) {
      deliverTo(subscription, [frame]);
    }
  }

  #text(log: ChannelLog, base: { readonly topic: string }, text: unknown): TestText {
    const streamId = `stream-${(this.#lastStream += 1)}`;
    const end = (failure: object) => this.#append(log, { kind: "datastream-end", ...base, data: streamId, ...failure });
    const writer: TestText = {
      write: (data) => {
        this.#append(log, { kind: "chunk", ...base, stream_id: streamId, data });
        return writer;
      },
      end: () => end({}),
      fail: (error = "the publisher failed") => end({ error }),
      stop: (error = "the text was stopped") => end({ error, stopped: true }),
    };
    this.#append(log, { kind: "datastream-start", ...base, data: streamId });
    return typeof text === "string" && text !== "" ? writer.write(text) : writer;
  }

  #receive(socket: HubSocket, frame: Readonly<Record<string, any>>): void {
    if (frame["kind"] === "alive") {
      // At once, so that a test may advance fake timers by more than a heartbeat.
      return socket.deliverNow({ kind: "alive", next_in: 15_000 });
    }
    const ref = String(frame["ref"]);
    void Promise.resolve().then(() => {
      if (frame["kind"] === "sub") {
        return this.#subscribe(socket, ref, frame);
      }
      const own = this.#subscriptions.find((subscription) => subscription.socket === socket && subscription.ref === ref);
      if (frame["kind"] === "renew" && own !== undefined) {
        return socket.deliver(this.#takeRefusal(own.channel, ref) ?? { kind: "renewed", ref, expires_in: 3_600_000 });
      }
      this.#subscriptions = this.#subscriptions.filter((subscription) => subscription !== own);
    });
  }

  #subscribe(socket: HubSocket, ref: string, frame: Readonly<Record<string, any>>): void {
    const { channel, topics, data: token, since = {}, fingerprint = "" } = frame;
    const refusal = this.#takeRefusal(channel, ref);
    if (refusal !== undefined) {
      return socket.deliver(refusal);
    }
    const subscription = { socket, ref, channel, topics, token, fingerprint };
    const log = this.#log(channel);
    const { position, frames } = log.read(since[channel]);
    this.#subscriptions.push(subscription);
    socket.deliver({ kind: "subscribed", ref, channels: [channel] });
    socket.deliver(this.#ready(subscription, log, position));
    deliverTo(subscription, frames);
    socket.deliver({ kind: "caught-up", ref, channel });
    const joined = this.#joiners.filter((joiner) => joiner.channel === channel);
    this.#joiners = this.#joiners.filter((joiner) => !joined.includes(joiner));
    for (const { resolve } of joined) {
      resolve();
    }
  }

  #ready({ ref, fingerprint }: Subscription, { name, drift }: ChannelLog, position: string): unknown {
    const definition = drift === undefined ? { fingerprint } : { fingerprint: "other", drift };
    return { kind: "ready", ref, channel: name, position, ...definition };
  }

  #takeRefusal(channel: string, ref: string): unknown {
    const refusal = this.#refusals.get(channel);
    this.#refusals.delete(channel);
    return refusal && { kind: "error", ref, ...refusal };
  }

  #fetch(original: Fetch | undefined): Fetch {
    return async (input, init) => {
      const url = typeof input === "object" && "url" in input ? input.url : String(input);
      if (isRoute(url, "signal") && this.#isConnected) {
        const headers = new Map(Object.entries((init?.headers ?? {}) as Record<string, string>));
        const { status, body } = this.#signal(new URL(url), String(init?.body), headers.get("idempotency-key") ?? "");
        // Not a `Response`, which not every environment has.
        return { ok: status < 300, status, headers: { get: () => null }, text: async () => JSON.stringify(body) } as unknown as Response;
      }
      if (isRoute(url, "\\w+")) {
        const reason = this.#isConnected ? "the test hub serves WebSockets and signals only" : "the test hub is disconnected";
        throw new TypeError("fetch failed", { cause: new Error(reason) });
      }
      if (original === undefined) {
        throw new TypeError(`There is no fetch in this environment, and the test hub does not serve ${url}`);
      }
      return original(input, init);
    };
  }

  #signal({ searchParams }: URL, body: string, key: string): { readonly status: number; readonly body: unknown } {
    const get = (name: string) => searchParams.get(name) ?? undefined;
    const [channel = "", signal = ""] = [get("channel"), get("name")];
    const sent = { channel, signal, payload: JSON.parse(body) as unknown, runId: get("run_id"), questionId: get("question") };
    const response = this.#responses.get(key) ?? this.#take(sent);
    this.#responses.set(key, response);
    return response;
  }

  #take(sent: SentSignal): { readonly status: number; readonly body: unknown } {
    const key = `${sent.channel} ${sent.signal}`;
    const receivedAt = new Date();
    const runs = this.#runs.filter(({ channel }) => nameOf(channel) === sent.channel);
    const verdict = this.#signalRefusals.get(key) ?? decide(sent, runs);
    this.#signalRefusals.delete(key);
    if ("code" in verdict) {
      this.#record({ ...sent, runId: undefined, receivedAt, status: verdict.code });
      return refusalBody(verdict);
    }
    const { run, question } = verdict;
    const status = question === undefined ? "kept" : "accepted";
    const signal: TestSignal = { ...sent, runId: run.id, receivedAt, status };
    if (question === undefined) {
      run.kept.push(signal);
    } else {
      run.take(question, signal);
    }
    this.#record(signal);
    return { status: 200, body: { run_id: run.id, at: receivedAt.toISOString(), status } };
  }

  #record(signal: TestSignal): void {
    this.signals.push(signal);
    const at = this.#readers.findIndex(({ isFor }) => isFor(signal));
    const [reader] = at === -1 ? [] : this.#readers.splice(at, 1);
    if (reader === undefined) {
      this.#unread.push(signal);
    } else {
      reader.resolve(signal);
    }
  }
}

/** Sends the frames of a log that a subscription reads. */
function deliverTo({ socket, ref, topics }: Subscription, frames: readonly LogFrame[]): void {
  const relevant = frames.filter(({ topic }) => topic === undefined || topics === undefined || topics.includes(topic));
  if (relevant.length > 0) {
    socket.deliver([ref, ...relevant]);
  }
}

/**
 * Opens a test hub. Close it after the test.
 *
 * @example
 * ```tsx
 * const hub = createTestHub();
 * render(<RealtimeProvider {...hub.options}><Progress runId="run_42" /></RealtimeProvider>);
 * hub.channel(pipeline({ runId: "run_42" })).status({ message: "Writing", step: "write", progress: 40 });
 * await screen.findByText("Writing (40%)");
 * hub.close();
 * ```
 */
export function createTestHub(): TestHub {
  return new TestHub();
}
