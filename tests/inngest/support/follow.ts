import { until } from "../../end-to-end/support/wait.js";

/** What has come of a stream so far. */
export interface Followed<Message> {
  readonly messages: Message[];
  /** Whether the stream has ended, as if all were said. */
  readonly hasEnded: boolean;
  /** Waits until so many have come. */
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
