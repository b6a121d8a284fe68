/** A transport for the chats of the Vercel AI SDK, whose replies are text streams. */

import type { ChatTransport, UIMessage, UIMessageChunk } from "ai";
import type { ChannelInput, IsStream, TopicName } from "./channel/channel.js";
import type { StreamMessage } from "./channel/message.js";
import type { ConnectionOptions } from "./connection/options.js";
import type { TokenInput } from "./connection/token.js";
import { TextStreamError } from "./errors.js";
import { isTerminal } from "./runs/run-update.js";
import type { RunUpdate } from "./runs/run-update.js";
import { LiveSubscription } from "./subscription/live-subscription.js";
import { messageOf } from "./util/message-of.js";

/** The names of a channel's topics that carry text streams. */
export type StreamTopicName<Channel extends ChannelInput> = {
  [Topic in TopicName<Channel>]: Channel extends string ? Topic : IsStream<Channel, Topic> extends true ? Topic : never;
}[TopicName<Channel>];

/** Options of {@link RealtimeChatTransport}. */
export interface RealtimeChatOptions<Channel extends ChannelInput = ChannelInput> extends ConnectionOptions {
  /** Returns the channel of a chat. */
  readonly channel: (chatId: string) => Channel;
  /** The topic of the replies. It carries text streams. */
  readonly topic: StreamTopicName<Channel>;
  /** A token, or a function that returns one, which receives the name of the channel. */
  readonly token?: TokenInput | undefined;
  /**
   * The URL to which messages are posted, as JSON with `id`, `messages`, `trigger` and `messageId`. Default:
   * `/api/chat`. If the response is JSON with a `runId`, only a text of this run is the reply.
   */
  readonly api?: string | undefined;
  /** More headers of the request, or a function that returns them. */
  readonly headers?: Record<string, string> | (() => Record<string, string>) | undefined;
  /** More members of the request's body. */
  readonly body?: Readonly<Record<string, unknown>> | undefined;
}

type SendOptions<Message extends UIMessage> = Parameters<ChatTransport<Message>["sendMessages"]>[0];
type ReconnectOptions<Message extends UIMessage> = Parameters<ChatTransport<Message>["reconnectToStream"]>[0];

/**
 * Posts messages to your endpoint, and reads replies from a topic of text streams. A reply continues after a lost
 * connection. With the option `resume` of `useChat`, a page that was reloaded continues to read a reply that is
 * still being written, if the topic retains it (`retain: last`).
 *
 * @example
 * ```tsx
 * const transport = new RealtimeChatTransport({ channel: (id) => chat({ id }), topic: "reply", token });
 * const { messages, sendMessage } = useChat({ id, transport });
 * ```
 */
export class RealtimeChatTransport<
  const Channel extends ChannelInput = ChannelInput,
  Message extends UIMessage = UIMessage,
> implements ChatTransport<Message>
{
  /** Tells the SDK, from version 7 on, that a reply that is resumed begins from its start. */
  readonly resumeStreamIsReplay = true;

  constructor(readonly options: RealtimeChatOptions<Channel>) {}

  async sendMessages(request: SendOptions<Message>): Promise<ReadableStream<UIMessageChunk>> {
    // Before the request, so that the start of the reply is not missed.
    const reply = await Reply.open(this.options, request.chatId, request.abortSignal);
    try {
      reply.runId = await this.#post(request);
    } catch (error) {
      reply.close();
      throw error;
    }
    return toStream(reply.read(), reply);
  }

  async reconnectToStream(request: ReconnectOptions<Message>): Promise<ReadableStream<UIMessageChunk> | null> {
    const { chatId, abortSignal } = request as ReconnectOptions<Message> & { readonly abortSignal?: AbortSignal };
    const reply = await Reply.open(this.options, chatId, abortSignal);
    const chunks = await reply.resume();
    const received: UIMessageChunk[] = [];
    while (chunks !== undefined) {
      const next = chunks.next();
      // Chunks that have arrived are read before the next task.
      const item = await Promise.race([next, nextTask()]);
      if (item === undefined) {
        return toStream(resumed(received, next, chunks), reply);
      }
      if (item.done === true) {
        break;
      }
      received.push(item.value);
    }
    // Nothing is retained, or a text that is complete.
    return reply.close();
  }

  /** Posts the messages. Returns the id of the run that replies, if the response names one. */
  async #post({ chatId, messages, trigger, messageId, abortSignal, ...request }: SendOptions<Message>): Promise<string | undefined> {
    const { api = "/api/chat", headers, body } = this.options;
    const own = typeof headers === "function" ? headers() : headers;
    const response = await fetch(api, {
      method: "POST",
      headers: { "content-type": "application/json", ...own, ...toObject(request.headers) },
      body: JSON.stringify({ ...body, ...request.body, id: chatId, messages, trigger, messageId }),
      ...(abortSignal === undefined ? {} : { signal: abortSignal }),
    });
    const text = await response.text();
    if (!response.ok) {
      throw new Error(`${api} responded with status ${response.status}: ${text}`);
    }
    const isJson = response.headers.get("content-type")?.includes("json") === true;
    const runId: unknown = isJson ? (JSON.parse(text) as { readonly runId?: unknown } | null)?.runId : undefined;
    return typeof runId === "string" ? runId : undefined;
  }
}

/** The subscription of one reply. */
class Reply {
  /** The run that writes the reply; any if undefined. */
  runId: string | undefined;
  readonly #subscription: LiveSubscription;
  readonly #abortSignal: AbortSignal | undefined;
  /** The end of the channel's log at the start. What is not after it was retained. */
  #joined = "";
  /** The end of the run, if it ended before it wrote. */
  #end: RunUpdate | undefined;
  /** Resolves once all retained replies have been received. */
  readonly #caughtUp: Promise<undefined>;
  #resolveCaughtUp!: () => void;

  private constructor(options: RealtimeChatOptions<any>, chatId: string, abortSignal: AbortSignal | undefined) {
    this.#abortSignal = abortSignal;
    this.#caughtUp = new Promise((resolve) => (this.#resolveCaughtUp = () => resolve(undefined)));
    this.#subscription = new LiveSubscription({
      ...options,
      channel: options.channel(chatId),
      topics: [options.topic],
      abortSignal,
      onRun: (update) => this.#handleRun(update),
      onCaughtUp: () => this.#resolveCaughtUp(),
    });
  }

  static async open(options: RealtimeChatOptions<any>, chatId: string, abortSignal: AbortSignal | undefined): Promise<Reply> {
    abortSignal?.throwIfAborted();
    const reply = new Reply(options, chatId, abortSignal);
    await reply.#subscription.confirmed;
    reply.#joined = reply.#subscription.position.split("~")[0] ?? "";
    return reply;
  }

  close(): null {
    this.#subscription.close();
    return null;
  }

  /** Reads the next reply. */
  async *read(): AsyncGenerator<UIMessageChunk> {
    const message = await this.#next(({ id, runId }) => id > this.#joined && (this.runId === undefined || runId === this.runId));
    yield* message === undefined ? this.#unwritten() : this.#text(message);
    this.close();
  }

  /** Finds the latest reply that is retained. */
  async resume(): Promise<AsyncGenerator<UIMessageChunk> | undefined> {
    let latest: StreamMessage | undefined;
    for (;;) {
      const message = await Promise.race([this.#next(() => true), this.#caughtUp]);
      if (message === undefined) {
        return latest && this.#read(latest);
      }
      latest = message;
    }
  }

  async *#read(message: StreamMessage): AsyncGenerator<UIMessageChunk> {
    yield* this.#text(message);
    this.close();
  }

  async #next(isReply: (message: StreamMessage) => boolean): Promise<StreamMessage | undefined> {
    // No `for await`, which would close the subscription when it is left.
    for (;;) {
      const { done, value } = await this.#subscription.next();
      if (done === true) {
        return undefined;
      }
      if (value.kind === "stream" && isReply(value)) {
        return value;
      }
    }
  }

  async *#text({ id, data }: StreamMessage): AsyncGenerator<UIMessageChunk> {
    yield { type: "start" };
    yield { type: "start-step" };
    yield { type: "text-start", id };
    try {
      const reader = data.getReader();
      for (let item = await reader.read(); !item.done; item = await reader.read()) {
        yield { type: "text-delta", id, delta: item.value };
      }
    } catch (error) {
      this.#abortSignal?.throwIfAborted();
      if (!(error instanceof TextStreamError && error.reason === "stopped")) {
        return yield { type: "error", errorText: messageOf(error) };
      }
    }
    yield { type: "text-end", id };
    yield { type: "finish-step" };
    yield { type: "finish" };
  }

  /** Reports why there is no text. */
  async *#unwritten(): AsyncGenerator<UIMessageChunk> {
    this.#abortSignal?.throwIfAborted();
    const { status, runError } = this.#end ?? {};
    if (status === "completed") {
      yield { type: "start" };
      return yield { type: "finish" };
    }
    const reason = runError?.message ?? (status === "cancelled" ? "the run was cancelled" : "the subscription ended before the reply");
    yield { type: "error", errorText: reason };
  }

  #handleRun(update: RunUpdate): void {
    const isOwn = this.runId === undefined || update.runId === this.runId;
    if (update.id > this.#joined && isOwn && update.status !== undefined && isTerminal(update.status)) {
      this.#end = update;
      this.close();
    }
  }
}

function nextTask(): Promise<undefined> {
  return new Promise((resolve) => setTimeout(() => resolve(undefined)));
}

/** Returns what was received, and then what follows. */
async function* resumed(
  received: readonly UIMessageChunk[],
  next: Promise<IteratorResult<UIMessageChunk>>,
  rest: AsyncGenerator<UIMessageChunk>,
): AsyncGenerator<UIMessageChunk> {
  yield* received;
  const item = await next;
  if (item.done !== true) {
    yield item.value;
    yield* rest;
  }
}

function toStream(chunks: AsyncGenerator<UIMessageChunk>, reply: Reply): ReadableStream<UIMessageChunk> {
  return new ReadableStream<UIMessageChunk>({
    pull: async (controller) => {
      const { done, value } = await chunks.next();
      if (done === true) {
        controller.close();
      } else {
        controller.enqueue(value);
      }
    },
    cancel: () => void reply.close(),
  });
}

function toObject(headers: Record<string, string> | Headers | undefined): Record<string, string> {
  return headers instanceof Headers ? Object.fromEntries(headers) : (headers ?? {});
}
