import { useChat } from "@ai-sdk/react";
import { RealtimeChatTransport } from "fanfare/ai";
import { pipeline } from "./generated/typescript/index.js";

const transport = new RealtimeChatTransport({
  api: "/api/chat",
  channel: (chatId) => pipeline({ runId: chatId }),
  topic: "draft",
  token: "session",
});

export function Story({ chatId }: { chatId: string }) {
  const { messages, sendMessage, status } = useChat({ id: chatId, transport, resume: true });
  return (
    <>
      {messages.map(({ id, parts }) => (
        <p key={id}>{parts.map((part) => part.type === "text" && part.text)}</p>
      ))}
      <button disabled={status !== "ready"} onClick={() => sendMessage({ text: "Tell me a story" })}>
        Tell me a story
      </button>
    </>
  );
}
