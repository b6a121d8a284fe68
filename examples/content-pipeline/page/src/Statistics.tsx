import type { Statistics as Figures } from "../../../../generated/typescript/pipeline.types.js";

/** The statistics of the run. */
export function Statistics({ statistics }: { readonly statistics: Figures }) {
  const { sentences, words, chosen, startedAt, milliseconds } = statistics;
  const figures = {
    Sentences: sentences.toLocaleString(),
    Words: words.toLocaleString(),
    Chosen: chosen.toLocaleString(),
    Started: new Date(startedAt).toLocaleTimeString(),
    Took: `${(milliseconds / 1000).toFixed(1)} s`,
  };
  return (
    <dl className="statistics" aria-label="Statistics">
      {Object.entries(figures).map(([name, figure]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{figure}</dd>
        </div>
      ))}
    </dl>
  );
}
