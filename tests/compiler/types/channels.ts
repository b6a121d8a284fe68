/** Incorrect uses of generated channels do not compile. Compiled, never run. */
import { subscribe } from "fanfare";
import { type PipelineStatus, pipeline, system } from "../../../generated/typescript/index.js";

const channel = pipeline({ runId: "run_42" });

export async function read(): Promise<void> {
  const subscription = await subscribe({ channel, topics: ["status", "tokens"], token: "t" });
  for await (const message of subscription) {
    if (message.topic === "status") {
      const text: string = message.data.message;
      const step: "split" | "score" | "choose" | "write" | "complete" = message.data.step;
      // @ts-expect-error the payload has no such field
      message.data.text;
      // @ts-expect-error progress is a number
      const progress: string = message.data.progress;
      void [text, step, progress];
    } else if (message.topic === "tokens") {
      const index: number = message.data.index;
      // @ts-expect-error this is a field of another topic
      message.data.progress;
      void index;
    // @ts-expect-error the subscription has no such topic
    } else if (message.topic === "summary") {
      void message;
    }
  }
}

export function refused(): void {
  // @ts-expect-error the channel has no such topic
  void subscribe({ channel, topics: ["state"], token: "t" });
  // @ts-expect-error a channel with params is called with them first
  void subscribe({ channel: pipeline, topics: ["status"], token: "t" });
  // @ts-expect-error the channel of this topic is another one
  void subscribe({ channel, topics: ["notice"], token: "t" });
  // @ts-expect-error the param is called runId
  pipeline({ id: "run_42" });
  // @ts-expect-error the param is missing
  pipeline({});
  // @ts-expect-error the params are missing
  pipeline();
  // @ts-expect-error the param is a string
  pipeline({ runId: 42 });
  // @ts-expect-error a channel without params is used without calling it
  system({});
  // @ts-expect-error a required field is missing
  const status: PipelineStatus = { message: "Reading", step: "split" };
  void status;
}

void subscribe({ channel: system, topics: ["notice"], token: "t" });
