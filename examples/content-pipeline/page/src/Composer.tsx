import { useState } from "react";

interface ComposerProps {
  readonly isFirst: boolean;
  readonly problem: string | undefined;
  readonly onSummarise: (text?: string) => Promise<void>;
}

/** Starts a run for the server's text or for a pasted one. */
export function Composer({ isFirst, problem, onSummarise }: ComposerProps) {
  const [text, setText] = useState("");
  const [isStarting, setIsStarting] = useState(false);
  const hasText = text.trim() !== "";

  const start = async () => {
    setIsStarting(true);
    await onSummarise(hasText ? text : undefined);
    setIsStarting(false);
  };

  return (
    <form
      className="composer"
      onSubmit={(event) => {
        event.preventDefault();
        void start();
      }}
    >
      <label htmlFor="text">Your own text, plain or in Markdown</label>
      <textarea
        id="text"
        rows={2}
        placeholder="Leave this empty to summarise a short story."
        value={text}
        onChange={(event) => setText(event.target.value)}
      />
      <div className="composer-foot">
        <button type="submit" disabled={isStarting}>
          {hasText ? "Summarise this text" : isFirst ? "Summarise" : "Summarise again"}
        </button>
        {problem !== undefined && (
          <p className="problem" role="alert">
            {problem}
          </p>
        )}
      </div>
    </form>
  );
}
