import { type ChannelInput, RealtimeObserver, type RealtimeOptions, type RealtimeSnapshot, type TopicName } from "fanfare";

/** Shows snapshots of a channel until `signal` is aborted. Returns a function that replaces the options. */
export function show<
  const Channel extends ChannelInput,
  const Topics extends readonly TopicName<Channel>[] = readonly TopicName<Channel>[],
>(
  options: RealtimeOptions<Channel, Topics, true>,
  update: (snapshot: RealtimeSnapshot<Channel, Topics>) => void,
  signal: AbortSignal,
) {
  const observer = new RealtimeObserver(options);
  observer.subscribe(() => update(observer.getSnapshot()));
  observer.start();
  signal.addEventListener("abort", () => observer.stop());
  return (changed: RealtimeOptions<Channel, Topics, true>) => observer.setOptions(changed);
}
