/** The text of a text stream, whole or in chunks. */
export type TextSource = string | ReadableStream<string> | AsyncIterable<string>;

/** Encodes a text as UTF-8. A surrogate pair that is split between two chunks is joined. */
export function bytesOf(source: TextSource): ReadableStream<Uint8Array> {
  const stream = source instanceof ReadableStream ? source : streamOf(source);
  return stream.pipeThrough(new TextEncoderStream());
}

function streamOf(source: string | AsyncIterable<string>): ReadableStream<string> {
  const chunks = typeof source === "string" ? [source].values() : source[Symbol.asyncIterator]();
  return new ReadableStream<string>({
    async pull(controller) {
      const { done, value } = await chunks.next();
      if (done === true) {
        controller.close();
      } else {
        controller.enqueue(value);
      }
    },
    async cancel() {
      await chunks.return?.();
    },
  });
}
