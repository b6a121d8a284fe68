/** A text that comes piece by piece. */
export type TextSource = string | ReadableStream<string> | AsyncIterable<string>;

/** Its bytes. A character whose halves come in two pieces is put together. */
export function bytesOf(source: TextSource): ReadableStream<Uint8Array> {
  const stream = source instanceof ReadableStream ? source : streamOf(source);
  return stream.pipeThrough(new TextEncoderStream());
}

function streamOf(source: string | AsyncIterable<string>): ReadableStream<string> {
  const pieces = typeof source === "string" ? [source].values() : source[Symbol.asyncIterator]();
  return new ReadableStream<string>({
    async pull(controller) {
      const { done, value } = await pieces.next();
      if (done === true) {
        controller.close();
      } else {
        controller.enqueue(value);
      }
    },
    async cancel() {
      await pieces.return?.();
    },
  });
}
