import type { ChannelInput, SignalReference, StandardSchema } from "fanfare";
import { send, SignalError, subscribe } from "fanfare";
import { useRealtime } from "fanfare/react";
import { StrictMode, useEffect, useState } from "react";
import { createRoot } from "react-dom/client";

type Channel = Exclude<ChannelInput, string>;
type Answer = SignalReference<StandardSchema<string>>;

const apiBaseUrl = new URLSearchParams(window.location.search).get("api") ?? undefined;
const options = { apiBaseUrl, reconnectMinMs: 20, reconnectMaxMs: 100 };

/** Shows the channels of one version of the definition, and buttons that send a signal. */
export function show(channels: readonly Channel[], answer: Answer): void {
  for (const channel of channels) {
    logProblems(channel).catch(() => {});
  }
  const root = document.getElementById("root");
  if (root === null) {
    throw new Error("the page has no element with the id root");
  }
  createRoot(root).render(
    <StrictMode>
      {channels.map((channel) => (
        <ChannelView key={channel.name} channel={channel} />
      ))}
      <SignalButtons answer={answer} />
    </StrictMode>,
  );
}

/** Subscribes with the defaults of `subscribe`, which logs drifts and errors to the console, until it is refused. */
async function logProblems(channel: Channel): Promise<void> {
  const token = tokenFor(channel.name);
  const messages = await subscribe({ ...options, channel, token, onInvalid: () => {} });
  for await (const _ of messages);
}

function tokenFor(channel: string): () => Promise<string> {
  return async () => (await fetch(`/token?run=${channel}`)).text();
}

function ChannelView({ channel }: { readonly channel: Channel }) {
  const token = tokenFor(channel.name);
  const realtime = useRealtime({ ...options, channel, token, historyLimit: null, pauseOnHidden: false });
  const { messages, connectionStatus, drift, error, gap, haltReason } = realtime;
  const [errors, setErrors] = useState<readonly string[]>([]);
  useEffect(() => {
    if (error !== null) {
      setErrors((earlier) => [...new Set([...earlier, error.message])]);
    }
  }, [error]);
  return (
    <section aria-label={channel.name}>
      <p title="status">{connectionStatus}</p>
      {messages.all.map(({ id, topic, data }) => (
        <p title="messages" key={id}>
          {topic} {JSON.stringify(data)}
        </p>
      ))}
      {errors.map((message) => (
        <p title="errors" key={message}>
          {message}
        </p>
      ))}
      {gap && <p title="gaps">Messages were missed</p>}
      {haltReason && <p title="halted">{haltReason}</p>}
      {drift?.outdated === "page" && (
        <button title="offer" onClick={() => location.reload()}>
          A new version is available: reload
        </button>
      )}
      {drift?.outdated === "server" && <p title="offer">The server is of an earlier version</p>}
      {drift?.outdated === "unknown" && <p title="offer">The server is of another version</p>}
    </section>
  );
}

function SignalButtons({ answer }: { readonly answer: Answer }) {
  const [outcome, setOutcome] = useState("");
  const sendText = async (length: number): Promise<void> => {
    setOutcome("");
    const token = tokenFor(answer.channel);
    const sent = send(answer, "x".repeat(length), { apiBaseUrl, token });
    setOutcome(await sent.then(({ status }) => status, codeOf));
  };
  return (
    <section>
      {[5, 15].map((length) => (
        <button key={length} onClick={() => void sendText(length)}>
          Answer with {length} characters
        </button>
      ))}
      <output>{outcome}</output>
    </section>
  );
}

function codeOf(error: unknown): string {
  return error instanceof SignalError ? error.code : String(error);
}
