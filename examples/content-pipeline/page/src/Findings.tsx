import type { Choice, Insight, Keyword } from "../../../../generated/typescript/pipeline.types.js";

/** The insights of the run: keywords, and the scores of the chosen sentences. */
export function Findings({ insights }: { readonly insights: readonly Insight[] }) {
  const keywords = insights.filter((insight) => insight.kind === "keyword");
  const choices = insights.filter((insight) => insight.kind === "choice");
  return (
    <>
      {keywords.length > 0 && <Keywords keywords={keywords} />}
      {choices.length > 0 && <Choices choices={choices} />}
    </>
  );
}

function Keywords({ keywords }: { readonly keywords: readonly Keyword[] }) {
  return (
    <ul className="keywords" aria-label="Keywords">
      {keywords.map(({ word, occurrences }) => (
        <li key={word}>
          {word} <small>{occurrences}</small>
        </li>
      ))}
    </ul>
  );
}

function Choices({ choices }: { readonly choices: readonly Choice[] }) {
  return (
    <ul className="choices" aria-label="Chosen sentences">
      {choices.map(({ sentence, score }) => (
        <li key={sentence}>
          <span>sentence {sentence + 1}</span>
          <meter min={0} max={1} value={score} />
          <span>{score.toFixed(2)}</span>
        </li>
      ))}
    </ul>
  );
}
