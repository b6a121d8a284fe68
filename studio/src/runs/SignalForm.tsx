import { useState } from "react";
import type { Call, RunDetails } from "../api/types.js";
import { definitionOf } from "../channels/definition.js";
import { PayloadForm } from "../publish/PayloadForm.js";
import { useSession } from "../session/session.js";
import { Choice } from "../ui/Choice.js";
import { ErrorNotice, Note } from "../ui/Notice.js";
import { announce } from "../ui/Toasts.js";

interface SignalFormProps {
  readonly run: RunDetails;
  readonly calls: readonly Call[];
  readonly onSent: () => void;
}

/** Answers a question of a run that waits for signals. */
export function SignalForm({ run, calls, onSent }: SignalFormProps) {
  const { api, definitions } = useSession();
  const names = run.waiting_for ?? [];
  const [chosen, setChosen] = useState<string>();
  const [error, setError] = useState<Error>();
  const name = chosen !== undefined && names.includes(chosen) ? chosen : (names[0] ?? "");
  const definition = definitionOf(definitions, run.channel);
  const signal = definition?.signals.find((candidate) => candidate.name === name || candidate.aliases.includes(name));
  const question = calls.find(
    (call) => call.question !== undefined && call.question.answer === undefined && call.question.signals.includes(name),
  )?.question;

  const send = async (payload: string) => {
    setError(undefined);
    const parameters = { channel: run.channel, name, run_id: run.run_id, question: question?.id };
    try {
      const { status } = await api.post<{ status: string }>("signal", parameters, payload);
      announce(status === "accepted" ? `The run accepted ${name}.` : `${name} is kept until the run asks for it.`);
      onSent();
    } catch (failure) {
      setError(failure as Error);
    }
  };

  return (
    <details className="signal-form" open>
      <summary>This run waits for {names.join(" or ")}</summary>
      {api.hasSigningKey ? (
        <>
          {names.length > 1 && (
            <Choice
              label="Signal"
              value={name}
              all="Choose a signal"
              options={names.map((option) => [option, option])}
              onChange={setChosen}
            />
          )}
          <ErrorNotice error={error} />
          <PayloadForm
            key={name}
            schema={signal?.schema}
            check={{ channel: run.channel, signal: name }}
            label={`Payload of ${name}`}
            submit={`Send ${name}`}
            onSubmit={send}
          />
        </>
      ) : (
        <Note>An admin token cannot send signals. Sign in with the signing key to answer here.</Note>
      )}
    </details>
  );
}
