import { until } from "../../end-to-end/support/wait.js";

/** The messages of a stream so far. */
export interface Followed<Message> {
  readonly messages: Message[];
  /** Whether the stream has ended without an error. */
  readonly hasEnded: boolean;
  /** Waits for a number of messages. */
  count(count: number): Promise<void>;
}

/** Reads a stream to its end, in the background. */
export function follow<Message>(stream: ReadableStream<Message>): Followed<Message> {
  const followed = {
    messages: [] as Message[],
    hasEnded: false,
    count: (count: number) =>
      until(`${count} messages have come`, () => followed.messages.length >= count),
  };
  void read(stream, (message) => followed.messages.push(message)).then(() => (followed.hasEnded = true));
  return followed;
}

async function read<Message>(stream: ReadableStream<Message>, take: (message: Message) => void): Promise<void> {
  const reader = stream.getReader();
  for (let next = await reader.read(); !next.done; next = await reader.read()) {
    take(next.value);
  }
}
