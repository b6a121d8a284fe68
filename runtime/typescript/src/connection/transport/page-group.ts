import { deadline } from "../../util/deadline.js";
import { timing } from "../../util/timing.js";

export interface PageGroupEvents<Request, Answer> {
  /** This page is the leader from now on. Members send their requests again. */
  onLead(): void;
  /** The group has a new leader, which does not know this page's requests. */
  onLeader(): void;
  /** No leader answers: the page must work without the group. */
  onNoLeader(): void;
  /** The leader answered. */
  onAnswer(answer: Answer): void;
  /** A member, perhaps this page, sends this page a request as the leader. */
  onRequest(member: string, request: Request): void;
  /** A member left or crashed. */
  onMemberLost(member: string): void;
}

/** A message to all pages of a group. */
type GroupMessage<Request> =
  | { readonly kind: "hello" }
  | { readonly kind: "leader"; readonly leader: string }
  | { readonly kind: "request"; readonly leader: string; readonly from: string; readonly request: Request };

/** Returns `true` if pages can form a group. Browsers have Web Locks on secure pages only. */
export function canGroup(): boolean {
  return (
    typeof document !== "undefined" &&
    typeof BroadcastChannel === "function" &&
    (navigator as { locks?: unknown }).locks !== undefined
  );
}

/**
 * A group of pages of one origin that use the same name, one of which is the leader.
 *
 * The leader holds the lock of the group's name. All other pages wait for that lock, so that the
 * browser makes one of them the leader when the lock is released, however the page ended. Each page
 * also holds a lock of its own. The leader waits for it, to learn that the page is gone.
 */
export class PageGroup<Request, Answer> {
  readonly id = crypto.randomUUID();
  readonly #leaving = new AbortController();
  readonly #all: BroadcastChannel;
  readonly #inbox: BroadcastChannel;
  /** The inboxes of the members, if this page leads. */
  readonly #members = new Map<string, BroadcastChannel>();
  readonly #cancelDeadline: () => void;
  /**
   * The leader's name. It begins with the time, so that late messages of an earlier leader are
   * recognized.
   */
  #leader = "";
  #isMember = false;
  #isLeader = false;

  constructor(
    readonly name: string,
    readonly events: PageGroupEvents<Request, Answer>,
  ) {
    this.#all = new BroadcastChannel(name);
    this.#all.onmessage = ({ data }: MessageEvent<GroupMessage<Request>>) => this.#receive(data);
    this.#inbox = new BroadcastChannel(this.#nameOf(this.id));
    this.#inbox.onmessage = ({ data }: MessageEvent<{ readonly leader: string; readonly answer: Answer }>) =>
      data.leader === this.#leader ? events.onAnswer(data.answer) : undefined;
    this.#cancelDeadline = deadline(timing.leaderTimeout, () => events.onNoLeader());
    this.#hold(this.#nameOf(this.id), () => {
      this.#isMember = true;
      this.#broadcast({ kind: "hello" });
      this.#hold(name, () => this.#lead());
    });
  }

  /** Sends the leader a request. Does nothing before `onLeader`. */
  request(request: Request): void {
    if (this.#isLeader) {
      this.events.onRequest(this.id, request);
    } else if (this.#leader !== "") {
      this.#broadcast({ kind: "request", leader: this.#leader, from: this.id, request });
    }
  }

  /** Sends a member an answer, as the leader. */
  answer(member: string, answer: Answer): void {
    if (member === this.id) {
      this.events.onAnswer(answer);
    } else {
      this.#members.get(member)?.postMessage({ leader: this.#leader, answer });
    }
  }

  /** Sends all members an answer. This page comes last because the answer may make it leave. */
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

  #receive(message: GroupMessage<Request>): void {
    if (message.kind === "leader") {
      return this.#follow(message.leader);
    }
    if (!this.#isLeader) {
      return;
    }
    if (message.kind === "hello") {
      this.#broadcast({ kind: "leader", leader: this.#leader });
    } else if (message.leader === this.#leader) {
      this.#admit(message.from);
      this.events.onRequest(message.from, message.request);
    }
  }

  /**
   * Follows a leader. Announcements are ignored until this page holds its own lock, because a leader
   * would otherwise take the page for gone. The page sends `hello` once it has the lock.
   */
  #follow(leader: string): void {
    if (this.#isMember && !this.#isLeader && leader > this.#leader) {
      this.#cancelDeadline();
      this.#leader = leader;
      this.events.onLeader();
    }
  }

  #lead(): void {
    this.#cancelDeadline();
    // Pages follow only later leaders, and the clock may have been set back.
    const time = Math.max(Date.now(), 1 + (Number.parseInt(this.#leader, 10) || 0));
    this.#leader = `${time} ${this.id}`;
    this.#isLeader = true;
    this.events.onLead();
    this.#broadcast({ kind: "leader", leader: this.#leader });
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
        this.events.onMemberLost(member);
      }
    };
    void navigator.locks.request(this.#nameOf(member), { signal }, gone).catch(() => {});
  }

  /** Acquires a lock and holds it until this page leaves. */
  #hold(lock: string, onHeld: () => void): void {
    const { signal } = this.#leaving;
    const holding = navigator.locks.request(lock, { signal }, () => {
      if (signal.aborted) {
        return undefined;
      }
      onHeld();
      return new Promise((resolve) => signal.addEventListener("abort", resolve));
    });
    void holding.catch(() => (signal.aborted ? undefined : this.events.onNoLeader()));
  }

  #broadcast(message: GroupMessage<Request>): void {
    this.#all.postMessage(message);
  }

  #nameOf(member: string): string {
    return `${this.name} ${member}`;
  }
}
