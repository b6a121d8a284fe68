import { useEffect, useRef } from "react";
import { wasKilledAfter } from "./use-tour.js";

interface PublishedProps {
  readonly startedAt: Date;
  readonly publishedAt: Date;
  /** The number of messages that the page received. */
  readonly messageCount: number;
}

/** The moment of success. It is celebrated only on a page that was open when the summary was published. */
export function Published({ startedAt, publishedAt, messageCount }: PublishedProps) {
  const section = useRef<HTMLElement>(null);
  const isLive = publishedAt.getTime() > performance.timeOrigin;
  useEffect(() => {
    if (isLive) {
      section.current?.scrollIntoView({ block: "nearest" });
    }
  }, [isLive]);
  return (
    <section ref={section} className="published" aria-label="Published" data-live={isLive}>
      <svg viewBox="0 0 48 48" aria-hidden="true">
        <path className="ray" d="M24 1v6M40 8l-4 4M47 24h-6M40 40l-4-4M24 47v-6M8 40l4-4M1 24h6M8 8l4 4" />
        <circle cx="24" cy="24" r="14" />
        <path className="tick" d="m17.5 24.5 4.5 4.5 9-10" />
      </svg>
      <p>
        <b>{wasKilledAfter(startedAt) ? "Published, although the server was killed." : "Published."}</b> {messageCount}{" "}
        messages arrived in order, each exactly once.
      </p>
    </section>
  );
}
