import { deadline } from "../../util/deadline.js";
import { timing } from "../../util/timing.js";

export interface PageGroupEvents<Request, Answer> {
  /** This page leads from now on. Members send their requests again. */
  onLead(): void;
  /** There is a new leader, which knows nothing of this page. */
  onLeader(): void;
  /** There is no leader that answers: the page has to do without the group. */
  onAlone(): void;
  /** The leader has answered. */
  onAnswer(answer: Answer): void;
  /** A member, which may be this page, asks this page as the leader. */
  onRequest(member: string, request: Request): void;
  /** A member has left or crashed. */
  onGone(member: string): void;
}

/** What all pages of a group receive. */
type Call<Request> =
  | { readonly kind: "hello" }
  | { readonly kind: "leader"; readonly leader: string }
  | { readonly kind: "request"; readonly leader: string; readonly from: string; readonly request: Request };

/** Whether pages can find each other here. Browsers have Web Locks on secure pages only. */
export function canGroup(): boolean {
  return (
    typeof document !== "undefined" &&
    typeof BroadcastChannel === "function" &&
    (navigator as { locks?: unknown }).locks !== undefined
  );
}

/**
 * The pages of an origin that give the same name, with one of them as their leader.
 *
 * The leader is the page that holds the lock of the group's name. All others wait for that lock, so
 * that the browser makes one of them the leader when it is released, however the page ended. Each
 * page also holds a lock of its own, for which the leader waits to learn that the page is gone.
 */
export class PageGroup<Request, Answer> {
  readonly id = crypto.randomUUID();
  readonly #leaving = new AbortController();
  readonly #all: BroadcastChannel;
  readonly #inbox: BroadcastChannel;
  /** The inboxes of the members, if this page leads. */
  readonly #members = new Map<string, BroadcastChannel>();
  readonly #cancelDeadline: () => void;
  /** Its name begins with the time, so that a message of an earlier leader that comes late is known as one. */
  #leader = "";
  #isMember = false;
  #isLeader = false;

  constructor(
    readonly name: string,
    readonly events: PageGroupEvents<Request, Answer>,
  ) {
    this.#all = new BroadcastChannel(name);
    this.#all.onmessage = ({ data }: MessageEvent<Call<Request>>) => this.#hear(data);
    this.#inbox = new BroadcastChannel(this.#nameOf(this.id));
    this.#inbox.onmessage = ({ data }: MessageEvent<{ readonly leader: string; readonly answer: Answer }>) =>
      data.leader === this.#leader ? events.onAnswer(data.answer) : undefined;
    this.#cancelDeadline = deadline(timing.leader, () => events.onAlone());
    this.#hold(this.#nameOf(this.id), () => {
      this.#isMember = true;
      this.#call({ kind: "hello" });
      this.#hold(name, () => this.#lead());
    });
  }

  /** Asks the leader. Before there is one, `onLeader` is the time to ask. */
  ask(request: Request): void {
    if (this.#isLeader) {
      this.events.onRequest(this.id, request);
    } else if (this.#leader !== "") {
      this.#call({ kind: "request", leader: this.#leader, from: this.id, request });
    }
  }

  /** Answers a member, as the leader. */
  answer(member: string, answer: Answer): void {
    if (member === this.id) {
      this.events.onAnswer(answer);
    } else {
      this.#members.get(member)?.postMessage({ leader: this.#leader, answer });
    }
  }

  /** Answers all members, this page last, as that may leave on account of it. */
  answerAll(answer: Answer): void {
    for (const member of [...this.#members.keys(), this.id]) {
      this.answer(member, answer);
    }
  }

  leave(): void {
    this.#cancelDeadline();
    this.#leaving.abort();
    for (const channel of [this.#all, this.#inbox, ...this.#members.values()]) {
      channel.close();
    }
    this.#members.clear();
  }

  #hear(call: Call<Request>): void {
    if (call.kind === "leader") {
      return this.#follow(call.leader);
    }
    if (!this.#isLeader) {
      return;
    }
    if (call.kind === "hello") {
      this.#call({ kind: "leader", leader: this.#leader });
    } else if (call.leader === this.#leader) {
      this.#admit(call.from);
      this.events.onRequest(call.from, call.request);
    }
  }

  /** A page without its own lock would seem to be gone. It asks who leads once it has that. */
  #follow(leader: string): void {
    if (this.#isMember && !this.#isLeader && leader > this.#leader) {
      this.#cancelDeadline();
      this.#leader = leader;
      this.events.onLeader();
    }
  }

  #lead(): void {
    this.#cancelDeadline();
    // Pages follow a later leader only, also if the clock was set back.
    const time = Math.max(Date.now(), 1 + (Number.parseInt(this.#leader, 10) || 0));
    this.#leader = `${time} ${this.id}`;
    this.#isLeader = true;
    this.events.onLead();
    this.#call({ kind: "leader", leader: this.#leader });
    this.events.onLeader();
  }

  #admit(member: string): void {
    if (this.#members.has(member)) {
      return;
    }
    this.#members.set(member, new BroadcastChannel(this.#nameOf(member)));
    const { signal } = this.#leaving;
    const gone = () => {
      this.#members.get(member)?.close();
      this.#members.delete(member);
      if (!signal.aborted) {
        this.events.onGone(member);
      }
    };
    void navigator.locks.request(this.#nameOf(member), { signal }, gone).catch(() => {});
  }

  /** Holds a lock from when it is free until this page leaves. */
  #hold(lock: string, onHeld: () => void): void {
    const { signal } = this.#leaving;
    const holding = navigator.locks.request(lock, { signal }, () => {
      if (signal.aborted) {
        return undefined;
      }
      onHeld();
      return new Promise((resolve) => signal.addEventListener("abort", resolve));
    });
    void holding.catch(() => (signal.aborted ? undefined : this.events.onAlone()));
  }

  #call(call: Call<Request>): void {
    this.#all.postMessage(call);
  }

  #nameOf(member: string): string {
    return `${this.name} ${member}`;
  }
}
