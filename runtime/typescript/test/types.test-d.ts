/** Compiled, never run: what the types accept and reject. */
import * as z from "zod";
import { WebSocket } from "ws";
import { defineChannel, isCase, RealtimeObserver, RealtimeStore, subscribe } from "../src/index.js";
import type {
  ChannelInput,
  ChannelInstance,
  Cursor,
  Message,
  Payload,
  RunResult,
  SignalName,
  SignalPayload,
  SignalReference,
  StateRequest,
  StateSnapshot,
  StreamTopicConfig,
  TokenInput,
  TopicConfig,
  TopicName,
} from "../src/index.js";
import { RealtimeProvider, useRealtime, useTopic } from "../src/react.js";
import { createRealtime } from "../src/server.js";
import { pipeline, system } from "./pipeline.js";

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
function isTrue<T extends true>(): T | undefined {
  return undefined;
}

const channel = pipeline({ runId: "run_42" });
type Pipeline = typeof channel;

export function channels(): void {
  isTrue<Same<Pipeline["name"], `pipeline:${string}`>>();
  isTrue<Same<(typeof system)["name"], "system">>();
  isTrue<Same<TopicName<Pipeline>, "status" | "tokens" | "total">>();
  isTrue<Same<Payload<Pipeline, "tokens">, string>>();
  isTrue<Same<Payload<Pipeline, "total">, bigint>>();
  isTrue<Same<Payload<Pipeline, "total", false>, string>>();
  isTrue<Same<(typeof pipeline)["$params"], { readonly runId: string }>>();
  isTrue<Same<Pipeline["$infer"]["tokens"], string>>();
  const input: ChannelInput = channel;
  const instance: ChannelInstance = channel;
  void [input, instance, channel.status.topic, system.notice.channel];

  // @ts-expect-error: a param is missing
  pipeline({});
  // @ts-expect-error: a param of another type
  pipeline({ runId: 42 });
  // @ts-expect-error: no such topic
  void channel.nope;
  // @ts-expect-error: a channel without params is not called
  system();
  // @ts-expect-error: params have schemas
  defineChannel({ name: "a", address: "a:{b}", fingerprint: "", params: { b: 1 }, topics: {} });
  // @ts-expect-error: a topic needs a payload, or carries streams
  defineChannel({ name: "a", address: "a", fingerprint: "", topics: { b: { retain: "last" } } });
}

export function streams(): void {
  const text = z.string();
  const stories = defineChannel({
    name: "stories",
    address: "stories",
    fingerprint: "00",
    topics: { draft: { stream: "text", retain: "last" }, title: { payload: text } },
  });
  const input: ChannelInput = stories;
  const instance: ChannelInstance = stories;
  void [input, instance];
  isTrue<Same<TopicName<typeof stories>, "draft" | "title">>();
  isTrue<Same<(typeof stories.topics)["draft"], StreamTopicConfig>>();
  isTrue<Same<(typeof stories)["draft"]["config"], StreamTopicConfig>>();
  isTrue<Same<(typeof stories.topics)["title"], TopicConfig<typeof text>>>();
  isTrue<Same<Payload<typeof stories, "draft">, string>>();
  isTrue<Same<(typeof stories)["$infer"]["draft"], string>>();

  // @ts-expect-error: both a payload and a stream
  defineChannel({ name: "a", address: "a", fingerprint: "", topics: { b: { payload: text, stream: "text" } } });
  // @ts-expect-error: streams are of text
  defineChannel({ name: "a", address: "a", fingerprint: "", topics: { b: { stream: "bytes" } } });
}

export function signals(): void {
  const verdict = z.object({ verdict: z.enum(["approve", "reject"]), text: z.string().optional() });
  const reviews = defineChannel({
    name: "reviews",
    address: "reviews:{id}",
    fingerprint: "00",
    params: { id: z.string() },
    topics: { status: { payload: z.string() } },
    signals: {
      approve: { payload: verdict },
      budget: { payload: z.string().transform((text) => BigInt(text)) },
    },
    result: z.object({ spent: z.string().transform((text) => BigInt(text)) }),
  });
  const review = reviews({ id: "7" });
  type Review = typeof review;
  const input: ChannelInput = review;
  const instance: ChannelInstance = review;
  void [input, instance];
  isTrue<Same<TopicName<Review>, "status">>();
  isTrue<Same<SignalName<Review>, "approve" | "budget">>();
  isTrue<Same<Review["approve"], SignalReference<typeof verdict, `reviews:${string}`, "approve">>>();
  isTrue<Same<SignalPayload<Review, "approve">, z.input<typeof verdict>>>();
  isTrue<Same<SignalPayload<Review, "budget">, string>>();
  isTrue<Same<RunResult<Review>, { spent: bigint }>>();
  isTrue<Same<RunResult<Review, false>, { spent: string }>>();
  // @ts-expect-error: a signal is not a topic
  void subscribe({ channel: review, topics: ["approve"], token: "token" });
  // @ts-expect-error: no such verdict
  const wrong: SignalPayload<Review, "approve"> = { verdict: "maybe" };
  void wrong;

  isTrue<Same<SignalName<Pipeline>, never>>();
  isTrue<Same<SignalName<string>, string>>();
  isTrue<Same<SignalName<{ name: string; topics: {} }>, never>>();
  isTrue<Same<RunResult<Pipeline>, unknown>>();
  isTrue<Same<RunResult<string>, unknown>>();
  isTrue<Same<RunResult<{ name: string; topics: {} }>, unknown>>();

  // @ts-expect-error: a signal needs a payload
  defineChannel({ name: "a", address: "a", fingerprint: "", topics: {}, signals: { b: {} } });
  // @ts-expect-error: a result is a schema
  defineChannel({ name: "a", address: "a", fingerprint: "", topics: {}, result: "text" });
}

export async function iterators(): Promise<void> {
  const token = () => "token";
  for await (const message of await subscribe({ channel, token, WebSocket })) {
    isTrue<Same<(typeof message)["topic"], "status" | "tokens" | "total">>();
    if (message.topic === "status") {
      isTrue<Same<(typeof message)["data"], { message: string; progress?: number | undefined }>>();
      // @ts-expect-error: no such field
      void message.data.nope;
    } else if (message.topic === "total") {
      isTrue<Same<(typeof message)["data"], bigint>>();
    }
  }
  const few = await subscribe({ channel, topics: ["status"], token });
  for await (const { topic, data } of few) {
    isTrue<Same<typeof topic, "status">>();
    void data.message;
  }
  const raw = await subscribe({ channel, topics: ["total"], token, validate: false });
  for await (const { data } of raw) {
    isTrue<Same<typeof data, string>>();
  }
  for await (const { topic, data } of await subscribe({ channel: "some:name", token })) {
    isTrue<Same<typeof topic, string>>();
    isTrue<Same<typeof data, unknown>>();
  }
  // @ts-expect-error: no such topic
  await subscribe({ channel, topics: ["nope"], token });
  // @ts-expect-error: a token is not a number
  await subscribe({ channel, token: 7 });
}

export async function callbacks(): Promise<void> {
  const handle = await subscribe({
    channel,
    topics: ["tokens"],
    key: "token",
    onMessage: ({ data }) => {
      isTrue<Same<typeof data, string>>();
    },
  });
  await subscribe({ channel, topics: ["total"], token: { key: "token" } }, async (message) => {
    isTrue<Same<typeof message, Message<Pipeline, "total">>>();
  });
  handle.unsubscribe();
  // @ts-expect-error: the callback form returns nothing to iterate over
  handle[Symbol.asyncIterator]();
}

export function hook(): void {
  const token = async () => "token";
  const { messages } = useRealtime({ channel, topics: ["status", "tokens"], token });
  isTrue<Same<typeof messages.byTopic.tokens, Message<Pipeline, "tokens"> | undefined>>();
  const text: string | undefined = messages.byTopic.status?.data.message;
  for (const message of messages.delta) {
    if (message.topic === "tokens") {
      isTrue<Same<typeof message.data, string>>();
    }
  }
  // @ts-expect-error: no such field
  void messages.byTopic.status?.data.nope;
  // @ts-expect-error: not among the topics
  void messages.byTopic.total;

  const asConst = useRealtime({ channel, topics: ["status"] as const, token });
  void asConst.messages.last?.data.message;
  const all = useRealtime({ channel, token });
  isTrue<Same<typeof all.messages.byTopic.total, Message<Pipeline, "total"> | undefined>>();
  const later = useRealtime({ channel: text === undefined ? undefined : channel, token });
  isTrue<Same<typeof later.messages.byTopic.tokens, Message<Pipeline, "tokens"> | undefined>>();
  const untyped = useRealtime({ channel: "some:name", topics: ["any"], token });
  isTrue<Same<NonNullable<typeof untyped.messages.last>["data"], unknown>>();
  // @ts-expect-error: no such topic
  useRealtime({ channel, topics: ["nope"], token });
  // @ts-expect-error: an interval is a number
  useRealtime({ channel, token, bufferInterval: "50" });
}

export function others(): void {
  const other = { name: "a", topics: { b: { schema: z.number() } } };
  const { messages } = useRealtime({ channel: other, token: "token" });
  isTrue<Same<NonNullable<typeof messages.byTopic.b>["data"], number>>();
  const store = new RealtimeStore({ channel, topics: ["status"] });
  const snapshot = store.getSnapshot();
  isTrue<Same<typeof snapshot.messages.byTopic.status, Message<Pipeline, "status"> | undefined>>();
  isTrue<Same<typeof snapshot.messages.allByTopic.status, readonly Message<Pipeline, "status">[] | undefined>>();
  // @ts-expect-error: not among the topics
  void snapshot.messages.byTopic.total;
  const anyStore: RealtimeStore = store;
  const anyObserver: RealtimeObserver = new RealtimeObserver({ channel });
  void [anyStore, anyObserver];
}

export async function states(): Promise<void> {
  const load = async ({ abortSignal, gap }: StateRequest): Promise<StateSnapshot<readonly bigint[]>> => {
    void [abortSignal.aborted, gap?.after];
    return { position: "now", state: [] };
  };
  const { state } = useRealtime({ channel, topics: ["total"], token: "token", state: load, reduce: (sums, { data }) => [...sums, data] });
  isTrue<Same<typeof state, readonly bigint[] | undefined>>();
  const inline = useRealtime({ channel, state: async ({ channel: name }) => ({ position: "now", state: { name, count: 0 } }), reduce: (all) => ({ ...all, count: all.count + 1 }) });
  isTrue<Same<typeof inline.state, { name: string; count: number } | undefined>>();
  isTrue<Same<ReturnType<typeof stateless>, undefined>>();
  const total = useTopic({ channel, topic: "total", state: load, reduce: (sums, { data }) => [...sums, data] });
  isTrue<Same<typeof total.state, readonly bigint[] | undefined>>();
  isTrue<Same<typeof total.data, bigint | undefined>>();
  const store = new RealtimeStore({ channel, topics: ["total"], state: load });
  const snapshot = store.getSnapshot();
  isTrue<Same<typeof snapshot.state, readonly bigint[] | undefined>>();
  const anyStore: RealtimeStore<ChannelInput, readonly string[], true, readonly bigint[]> = store;
  await subscribe({ channel, token: "token", state: load, onState: (sums) => void isTrue<Same<typeof sums, readonly bigint[]>>(), onMessage: () => {} });
  for await (const { topic } of await subscribe({ channel, token: "token", state: load, onState: () => {} })) void topic;
  // @ts-expect-error: another state
  useRealtime({ channel, state: load, reduce: () => "text" });
  // @ts-expect-error: not among the topics
  useRealtime({ channel, topics: ["total"], state: load, reduce: (sums, { topic }) => (topic === "status" ? [] : sums) });
  // @ts-expect-error: no position
  useRealtime({ channel, state: () => ({ state: 1 }) });
  // @ts-expect-error: an option of a store
  void subscribe({ channel, token: "token", reduce: () => 1 });
  // @ts-expect-error: each channel has its own state
  RealtimeProvider({ state: load });
  void anyStore;
}

function stateless() {
  return useRealtime({ channel }).state;
}

export function topics(): void {
  const total = useTopic({ channel, topic: "total", token: "token" });
  isTrue<Same<typeof total.data, bigint | undefined>>();
  isTrue<Same<typeof total.message, Message<Pipeline, "total"> | null>>();
  isTrue<Same<typeof total.messages, readonly Message<Pipeline, "total">[]>>();
  const unvalidated = useTopic({ channel, topic: "total", validate: false });
  isTrue<Same<typeof unvalidated.data, string | undefined>>();
  const draft = useTopic({ channel: story, topic: "draft" });
  isTrue<Same<typeof draft.data, string | undefined>>();
  void draft.message?.status;
  void useTopic({ channel: "some:name", topic: "any" }).data;
  // @ts-expect-error: no such topic
  useTopic({ channel, topic: "nope" });
  // @ts-expect-error: one topic
  useTopic({ channel, topic: "status", topics: ["status"] });
  // @ts-expect-error: a hook's types depend on it
  RealtimeProvider({ validate: false });
  RealtimeProvider({ token: ({ channel, topics = [] }) => `${channel}${topics.join()}` });
}

const story = defineChannel({
  name: "story",
  address: "story",
  fingerprint: "",
  topics: { draft: { stream: "text" }, note: { payload: z.object({ text: z.string() }), retain: "last" } },
});

export async function textStreams(): Promise<void> {
  const input: ChannelInput = story;
  isTrue<Same<Payload<typeof story, "draft">, string>>();
  isTrue<Same<(typeof story.topics.draft)["stream"], "text">>();
  for await (const message of await subscribe({ channel: story, token: "token", since: "start" })) {
    if (message.topic === "draft") {
      isTrue<Same<typeof message.kind, "stream">>();
      isTrue<Same<typeof message.data, ReadableStream<string>>>();
    } else {
      isTrue<Same<typeof message.kind, "data">>();
      isTrue<Same<typeof message.data, { text: string }>>();
    }
  }
  const { messages, position } = useRealtime({ channel: story, token: "token", since: "1-2", transport: "sse" });
  isTrue<Same<typeof position, Cursor | null>>();
  const draft = messages.byTopic.draft;
  if (draft !== undefined) {
    isTrue<Same<typeof draft.data, string>>();
    isTrue<Same<typeof draft.status, "streaming" | "complete" | "stopped" | "failed">>();
  }
  // @ts-expect-error: a payload has no status
  void messages.byTopic.note?.status;
  for await (const message of await subscribe({ channel: "some:name", token: "token" })) {
    if (message.kind === "stream") {
      isTrue<Same<typeof message.data, ReadableStream<string>>>();
    }
  }
  void input;
  // @ts-expect-error: a topic carries payloads or text streams
  defineChannel({ name: "a", address: "a", fingerprint: "", topics: { b: { stream: "text", payload: z.string() } } });
  // @ts-expect-error: no other streams
  defineChannel({ name: "a", address: "a", fingerprint: "", topics: { b: { stream: "bytes" } } });
}

export async function serverSide(text: ReadableStream<string>): Promise<void> {
  const realtime = createRealtime({ apiBaseUrl: "http://localhost", signingKey: "key" });
  await realtime.publish(channel.status, { message: "one" }, { runId: "attempt/1" });
  const { id } = await realtime.publish(story.draft, text);
  isTrue<Same<typeof id, string>>();
  // In its wire form, a 64-bit integer is a string.
  await realtime.publish(channel.total, "12345678901234567890");
  // @ts-expect-error: a payload of another type
  await realtime.publish(channel.status, { message: 1 });
  // @ts-expect-error: a payload, to a topic of text streams
  await realtime.publish(story.draft, { text: "one" });
  // @ts-expect-error: a stream, to a topic of payloads
  await realtime.publish(story.note, text);
  await realtime.token(channel, { topics: ["status"], expiresInSeconds: 60 });
  // @ts-expect-error: no such topic
  await realtime.token(channel, { topics: ["nope"] });
  const token = await realtime.getClientSubscriptionToken({ channel, topics: ["status"] });
  await subscribe({ channel, topics: ["status"], token });
}

interface Created {
  kind: "created";
  id: string;
}
interface Deleted {
  kind: "deleted";
  reason?: string | undefined;
}
/** Editors suggest `"session"`. */
export const session: Extract<TokenInput, "session"> = "session";

type OpenEvent = Created | Deleted | { kind: string & {}; [key: string]: unknown };

export function cases(event: OpenEvent, maybe: OpenEvent | undefined, closed: Created | Deleted): void {
  if (isCase(event, "kind", "created")) {
    isTrue<Same<typeof event, Created>>();
  } else {
    isTrue<Same<typeof event, Exclude<OpenEvent, Created>>>();
  }
  if (isCase(maybe, "kind", "deleted")) {
    isTrue<Same<typeof maybe, Deleted>>();
  }
  if (!isCase(closed, "kind", "created")) {
    isTrue<Same<typeof closed, Deleted>>();
  }
  // @ts-expect-error: no such case
  isCase(event, "kind", "renamed");
  // @ts-expect-error: no such tag
  isCase(event, "type", "created");
  // @ts-expect-error: not the tag
  isCase(event, "id", "created");
}
