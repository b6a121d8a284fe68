/** Compiled, never run: the types of the frameworks' results are as strong as React's. */
import { ref } from "vue";
import { createRealtime as createInSolid, createTopic as createTopicInSolid } from "../src/solid.js";
import { createRealtime as createInSvelte, createTopic as createTopicInSvelte, setRealtimeDefaults } from "../src/svelte.js";
import { createTestHub, exampleOf } from "../src/testing.js";
import { provideRealtime, useRealtime as useInVue, useTopic as useTopicInVue } from "../src/vue.js";
import { pipeline, reviews } from "./pipeline.js";

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
function isTrue<T extends true>(): T | undefined {
  return undefined;
}

const channel = pipeline({ runId: "run_42" });
const review = reviews({ runId: "run_42" });

export function vue(): void {
  const runId = ref("run_42");
  const { messages, send } = useInVue({ channel: () => pipeline({ runId: runId.value }), topics: ["status", "total"], token: ref("token") });
  isTrue<Same<NonNullable<typeof messages.value.byTopic.total>["data"], bigint>>();
  isTrue<Same<NonNullable<typeof messages.value.allByTopic.status>[number]["data"]["message"], string>>();
  // @ts-expect-error: not among the topics
  void messages.value.byTopic.tokens;
  // @ts-expect-error: the channel has no signals
  void send(review.approve, { verdict: "approve" });
  const unvalidated = useInVue({ channel, validate: false, enabled: () => runId.value !== "", historyLimit: ref(null) });
  isTrue<Same<NonNullable<typeof unvalidated.messages.value.byTopic.total>["data"], string>>();
  const later = useInVue({ channel: ref(channel), token: ({ channel }) => channel });
  void later.messages.value.byTopic.tokens;
  const { waitingFor, result } = useInVue({ channel: review });
  isTrue<Same<(typeof waitingFor.value)[number], "approve" | "budget">>();
  isTrue<Same<typeof result.value, { words: bigint } | undefined>>();
  // @ts-expect-error: no such topic
  useInVue({ channel, topics: ["nope"] });
  const total = useTopicInVue({ channel: ref(channel), topic: "total" });
  isTrue<Same<typeof total.data.value, bigint | undefined>>();
  isTrue<Same<NonNullable<typeof total.message.value>["data"], bigint>>();
  void total.messages.value.length;
  const text = useTopicInVue({ channel: () => channel, topic: ref("total" as const), validate: false });
  isTrue<Same<typeof text.data.value, string | undefined>>();
  // @ts-expect-error: no such topic
  useTopicInVue({ channel, topic: "nope" });
  provideRealtime(() => ({ apiBaseUrl: "/" }));
  const counted = useInVue({ channel, topics: ["total"], state: () => ({ position: "now", state: [0n] }), reduce: (sums, { data }) => [...sums, data] });
  isTrue<Same<typeof counted.state.value, bigint[] | undefined>>();
  const topic = useTopicInVue({ channel, topic: "total", state: ref(async () => ({ position: "now", state: 1 })) });
  isTrue<Same<typeof topic.state.value, number | undefined>>();
}

export function svelte(): void {
  const realtime = createInSvelte(() => ({ channel, topics: ["status"] }));
  const message: string | undefined = realtime.messages.byTopic.status?.data.message;
  void message;
  // @ts-expect-error: not among the topics
  void realtime.messages.byTopic.tokens;
  realtime.subscribe(({ messages }) => void messages.byTopic.status);
  const counted = createInSvelte(() => ({ channel, topics: ["total"], state: () => ({ position: "now", state: [0n] }), reduce: (sums, { data }) => [...sums, data] }));
  isTrue<Same<typeof counted.state, bigint[] | undefined>>();
  void createInSvelte(() => ({ channel: review })).send(review.approve, { verdict: "edit" });
  // @ts-expect-error: no such verdict
  void createInSvelte(() => ({ channel: review })).send(review.approve, { verdict: "nope" });
  // @ts-expect-error: no such topic
  createInSvelte(() => ({ channel, topics: ["nope"] }));
  const total = createTopicInSvelte(() => ({ channel, topic: "total" }));
  isTrue<Same<typeof total.data, bigint | undefined>>();
  total.subscribe(({ data, messages }) => void [isTrue<Same<typeof data, bigint | undefined>>(), messages.length]);
  // @ts-expect-error: no such topic
  createTopicInSvelte(() => ({ channel, topic: "nope" }));
  setRealtimeDefaults(() => ({ token: "session" }));
}

export function solid(): void {
  const realtime = createInSolid(() => ({ channel, topics: ["total"] }));
  isTrue<Same<NonNullable<typeof realtime.messages.byTopic.total>["data"], bigint>>();
  // @ts-expect-error: not among the topics
  void realtime.messages.byTopic.tokens;
  const fixed = createInSolid({ channel: review });
  isTrue<Same<typeof fixed.result, { words: bigint } | undefined>>();
  // @ts-expect-error: no such topic
  createInSolid({ channel, topics: ["nope"] });
  const total = createTopicInSolid({ channel, topic: "total" });
  isTrue<Same<typeof total.data, bigint | undefined>>();
  void createTopicInSolid(() => ({ channel: review, topic: "tokens" })).send(review.approve, { verdict: "edit" });
  // @ts-expect-error: no such topic
  createTopicInSolid(() => ({ channel, topic: "nope" }));
}

export async function testing(): Promise<void> {
  const hub = createTestHub();
  hub.channel(channel).status({ message: "one" }, { runId: "attempt/1" });
  // @ts-expect-error: no such topic
  hub.channel(channel).nope({});
  // @ts-expect-error: payloads are in their wire form
  hub.channel(channel).total(5n);
  hub.run(review).start().complete({ words: "5" });
  // @ts-expect-error: the result is required
  hub.run(review).complete();
  hub.run(channel).complete();
  const answer = await hub.run(review).waitFor(review.approve, review.budget);
  isTrue<Same<typeof answer.payload, string | { verdict: "approve" | "edit" | "reject"; text?: string | undefined }>>();
  const { payload } = await hub.nextSignal(review.budget);
  isTrue<Same<typeof payload, string>>();
  const status = exampleOf(channel.status, { progress: 5 });
  isTrue<Same<typeof status, { message: string; progress?: number | undefined }>>();
  // @ts-expect-error: no such member
  exampleOf(channel.status, { nope: 5 });
}
