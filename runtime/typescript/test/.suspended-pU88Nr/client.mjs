// test/suspended-client.ts
import { readFile } from "node:fs/promises";
import { createInterface } from "node:readline";
import { WebSocket } from "ws";

// src/schema/issue.ts
function pointer(path) {
  return path.map((step) => `/${String(step).replaceAll("~", "~0").replaceAll("/", "~1")}`).join("");
}

// src/standard.ts
var TEXT = Object.freeze({
  "~standard": Object.freeze({
    version: 1,
    vendor: "fanfare",
    validate: (value) => typeof value === "string" || value instanceof ReadableStream ? { value } : { issues: [{ message: "must be a string" }] }
  })
});
function validate(schema, data) {
  try {
    const result = schema["~standard"].validate(data);
    return isThenable(result) ? Promise.resolve(result).then(asResult).catch(failedValidator) : asResult(result);
  } catch (cause) {
    return failedValidator(cause);
  }
}
function isThenable(value) {
  return typeof value?.then === "function";
}
function asResult(result) {
  if (typeof result !== "object" || result === null) {
    return failedValidator("it gave no result");
  }
  const { issues, value } = result;
  if (issues === void 0) {
    return { value };
  }
  describeIssues(issues);
  return { issues };
}
function failedValidator(cause) {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return { issues: [{ message: `the validator failed: ${reason}` }] };
}
function describeIssues(issues) {
  return issues.map(describeIssue).join("; ");
}
function describeIssue(issue) {
  const path = pointer((issue.path ?? []).map((step) => typeof step === "object" ? step.key : step));
  const { rule, value } = detailsOf(issue);
  if (typeof rule !== "string") {
    return path === "" ? issue.message : `${path}: ${issue.message}`;
  }
  const got = typeof value === "string" ? `, got ${value}` : "";
  return `${path === "" ? "the value" : path} ${issue.message}${got}`;
}
function detailsOf(issue) {
  const { params } = issue;
  return typeof params === "object" && params !== null ? params : {};
}

// src/error.ts
var ConnectionError = class extends Error {
  name = "ConnectionError";
  /** The WebSocket close code, where there was one. */
  closeCode;
  /** Why the server refused or ended the subscription: one of the codes in PROTOCOL.md, or `expired`, `revoked`. */
  code;
  /** Whether the library has given up. Otherwise it goes on trying. */
  fatal;
  constructor(message, options) {
    super(message, options.cause === void 0 ? void 0 : { cause: options.cause });
    this.fatal = options.fatal;
    this.closeCode = options.closeCode;
    this.code = options.code;
  }
};
var InvalidMessageError = class extends Error {
  constructor(channel, topic, id, data, issues) {
    const what = topic === void 0 ? "result of a run, message" : "message";
    const where = topic === void 0 ? `"${channel}"` : `"${channel}", topic "${topic}"`;
    super(`Invalid ${what} ${id} on ${where}: ${describeIssues(issues)}`);
    this.channel = channel;
    this.topic = topic;
    this.id = id;
    this.data = data;
    this.issues = issues;
  }
  channel;
  topic;
  id;
  data;
  issues;
  name = "InvalidMessageError";
};
var ProtocolError = class extends Error {
  constructor(code, message) {
    super(message);
    this.code = code;
  }
  code;
  name = "ProtocolError";
};
var TextStreamError = class extends Error {
  constructor(channel, topic, id, reason, why) {
    super(`The text stream ${id} on "${channel}", topic "${topic}", is not complete: ${why}`);
    this.channel = channel;
    this.topic = topic;
    this.id = id;
    this.reason = reason;
  }
  channel;
  topic;
  id;
  reason;
  name = "TextStreamError";
};

// src/backoff.ts
var Backoff = class {
  #failures = 0;
  /** How long the last attempt was put off. */
  waited = 0;
  /** Waits `atLeast` as long, too, and then as long as to scatter the clients that were told the same. */
  next({ min, max }, atLeast = 0) {
    const longest = Math.min(max, min * 2 ** this.#failures);
    this.#failures += 1;
    this.waited = longest / 2 + Math.random() * longest / 2;
    if (this.waited < atLeast) {
      this.waited = atLeast + Math.random() * min;
    }
    return this.waited;
  }
  reset() {
    this.#failures = 0;
    this.waited = 0;
  }
};

// src/timing.ts
var timing = {
  /** A WebSocket that is neither open nor refused is given up after this time. */
  open: 1e4,
  /** A server that was asked for a subscription and says nothing is given up. */
  confirm: 15e3,
  /** How long to wait for the close event after an error event. */
  closeEvent: 200,
  /** A token factory that has not settled is called again. */
  token: 3e4,
  /** When to expect the server's first sign of life. Events are asked by opening them again, so they have longer. */
  firstAlive: 15e3,
  firstAliveOverEvents: 6e4,
  /** How long a server has to answer when it is asked for a sign of life. */
  probe: 4e3,
  /** A timer that fires this late waits once more, for `grace`: what it waited for may not have been read yet. */
  lateness: 100,
  grace: 1e3,
  /** An attempt to connect that is no older than this is not begun anew because the network is back. */
  fresh: 1e3,
  /** Clients of a server that stops and names no time connect anew within this. */
  spread: 1e3,
  /** A signal that is not answered is sent again; and the shortest and the longest wait before that. */
  answer: 1e4,
  sendMin: 250,
  sendMax: 4e3,
  /** A connection outlives its last subscription by this: the next component may want one. */
  linger: 500,
  /** Subscriptions that come and go within this share one event stream. */
  coalesce: 10,
  /** A page that leads others, and holds an event stream for all, answers within this time. */
  leader: 2e3,
  /** From events to the first try whether a WebSocket can be had again, and at most between two. */
  returnMin: 6e4,
  returnMax: 6e5,
  /** How often to look whether this machine has slept, and how late is late. */
  tick: 2e3,
  late: 4e3
};

// src/deadline.ts
var MAX_TIMER_MS = 2 ** 31 - 1;
function deadline(milliseconds, onPassed) {
  const wait = Math.min(milliseconds, MAX_TIMER_MS);
  const due = performance.now() + wait;
  let timer = setTimeout(() => {
    if (performance.now() - due < timing.lateness) {
      onPassed();
    } else {
      timer = setTimeout(onPassed, timing.grace);
    }
  }, wait);
  return () => clearTimeout(timer);
}

// src/wire.ts
function parseFrames(text) {
  let value;
  try {
    value = JSON.parse(text);
  } catch {
    return [{ kind: "malformed", reason: "a frame is not JSON" }];
  }
  if (!Array.isArray(value)) {
    return readFrame(value);
  }
  const ref = value[0];
  return typeof ref === "string" ? value.slice(1).flatMap(readFrame).map((frame) => Object.assign(frame, { ref })) : value.flatMap(readFrame);
}
function connectUrl(apiBaseUrl) {
  const url2 = routeUrl(apiBaseUrl, "connect");
  url2.protocol = url2.protocol === "http:" || url2.protocol === "ws:" ? "ws:" : "wss:";
  return url2;
}
function routeUrl(apiBaseUrl, route) {
  const url2 = new URL(apiBaseUrl);
  url2.protocol = url2.protocol.replace("ws", "http");
  url2.pathname = `${url2.pathname.replace(/\/+$/, "")}/v1/realtime/${route}`;
  url2.search = "";
  url2.hash = "";
  return url2;
}
var SUBPROTOCOL = "fanfare.v1";
var MOST_CHANNELS = 1e3;
var MAX_BODY_BYTES = 1024 * 1024;
var MAX_STREAM_BYTES = 256 * 1024;
var CLOSED_AS_UNUSED = 4408;
function isFatalClose(code) {
  return [1e3, 1002, 1003, 1009, 4400, 4403].includes(code);
}
function advance(cursor, id) {
  const mark = cursor?.indexOf("~") ?? -1;
  const position = mark === -1 ? void 0 : cursor?.slice(0, mark);
  return position !== void 0 && id <= position ? `${position}~${id}` : id;
}
var REF = [["ref", "string?"]];
var OF_CHANNEL = [...REF, ["channel", "string"]];
var LOGGED = [
  ...OF_CHANNEL,
  ["id", "string"],
  ["created_at", "string"],
  ["run_id", "string?"]
];
var ON_TOPIC = [...LOGGED, ["topic", "string"]];
var FIELDS = {
  data: [...ON_TOPIC, ["data", "any"]],
  "datastream-start": [...ON_TOPIC, ["data", "string"]],
  chunk: [...ON_TOPIC, ["stream_id", "string"], ["data", "string"]],
  "datastream-end": [...ON_TOPIC, ["data", "string"], ["error", "string?"], ["stopped", "boolean?"]],
  run: [...LOGGED, ["data", "any"]],
  ready: [...OF_CHANNEL, ["position", "string"], ["fingerprint", "string"]],
  gap: [...OF_CHANNEL, ["after", "string"], ["before", "string"]],
  error: [...REF, ["code", "string"], ["message", "string"]],
  subscribed: [...REF, ["channels", "strings"]],
  unsubscribed: [...REF, ["channels", "strings"], ["code", "string?"]],
  expiring: [...REF, ["in", "number"]],
  renewed: [...REF, ["expires_in", "number"]],
  alive: [["next_in", "number"]],
  closing: [["reconnect_in", "number?"]]
};
function readFrame(value) {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return [{ kind: "malformed", reason: "a frame is not an object" }];
  }
  const frame = value;
  const kind = frame["kind"];
  if (typeof kind !== "string") {
    return [{ kind: "malformed", reason: "a frame has no kind" }];
  }
  if (!Object.hasOwn(FIELDS, kind)) {
    return [];
  }
  for (const [name, type] of FIELDS[kind]) {
    if (!isOfType(frame, name, type)) {
      return [{ kind: "malformed", reason: `a "${kind}" frame has no valid "${name}"` }];
    }
  }
  return [frame];
}
function isOfType(frame, name, type) {
  if (!Object.hasOwn(frame, name)) {
    return type.endsWith("?");
  }
  const value = frame[name];
  if (type === "any") {
    return true;
  }
  return type === "strings" ? Array.isArray(value) && value.every((item) => typeof item === "string") : typeof value === type.replace("?", "");
}

// src/request-failure.ts
function failureReason(error) {
  const { cause = error } = error instanceof Error ? error : {};
  return cause instanceof Error ? cause.message : String(cause);
}

// src/retry-after.ts
var MAX_WAIT_MS = 6e5;
function retryAfter(headers) {
  const text = headers.get("retry-after")?.trim() ?? "";
  const wait = /^\d+$/.test(text) ? Number(text) * 1e3 : Date.parse(text) - Date.now();
  return Number.isNaN(wait) ? void 0 : Math.min(Math.max(wait, 0), MAX_WAIT_MS);
}

// src/server-url.ts
function serverUrl(apiBaseUrl) {
  const page = globalThis.location;
  const base = apiBaseUrl ?? page?.origin;
  if (base === void 0 || base === "null") {
    throw new ConnectionError(
      "`apiBaseUrl` is required outside of a web page, for example https://api.example.com",
      { fatal: true }
    );
  }
  try {
    return new URL(base, page?.href);
  } catch (cause) {
    throw new ConnectionError(`\`apiBaseUrl\` is not a URL: ${base}`, { fatal: true, cause });
  }
}

// src/token.ts
var SESSION = "session";
var JWT = /^[\w-]+\.[\w-]+\.[\w-]+$/;
var LONGEST_TOKEN = 24e3;
var TokenSource = class {
  #pending;
  #input;
  next(input) {
    if (this.#pending === void 0 || input !== this.#input) {
      const pending = resolveToken(input).finally(() => {
        if (this.#pending === pending) {
          this.#pending = void 0;
        }
      });
      this.#pending = pending;
      this.#input = input;
    }
    return this.#pending;
  }
};
async function resolveToken(input) {
  const value = typeof input === "function" ? await callFactory(input) : input;
  const text = typeof value === "string" ? value : value?.key ?? value?.token;
  const token2 = typeof text === "string" ? text.trim() : void 0;
  const renewable = typeof input === "function";
  const apiBaseUrl = typeof value === "object" ? value.apiBaseUrl : void 0;
  if (token2 === SESSION) {
    return { token: void 0, apiBaseUrl, renewable: true };
  }
  if (token2 === void 0 || token2 === "") {
    throw new ConnectionError(
      renewable ? "The token factory returned no token: return a string or an object with a `key`" : "No token: give `token`, a string or a function that returns one",
      { fatal: !renewable }
    );
  }
  if (!JWT.test(token2)) {
    const start = Array.from(token2.slice(0, 20)).slice(0, 9).join("");
    throw new ConnectionError(`The token is not a JWT; it starts with \`${start}\``, {
      fatal: !renewable
    });
  }
  if (token2.length > LONGEST_TOKEN) {
    throw new ConnectionError(
      `The token is too long: it has ${token2.length} characters, and at most ${LONGEST_TOKEN} are sent`,
      { fatal: !renewable }
    );
  }
  return { token: token2, apiBaseUrl, renewable };
}
function missingGrant(token2, channel, topics) {
  const granted = token2 === void 0 ? void 0 : readClaims(token2)?.topics;
  if (!Array.isArray(granted)) {
    return void 0;
  }
  const names = granted.filter((entry) => entry?.channel === channel).map((entry) => entry?.name);
  if (names.length === 0) {
    return `The token does not grant the channel "${channel}"`;
  }
  const missing = topics?.filter((topic) => !names.includes(topic)) ?? [];
  return missing.length === 0 ? void 0 : `The token does not grant ${missing.map((topic) => `"${topic}"`).join(", ")} of the channel "${channel}"`;
}
function hasTimeLeft(token2) {
  if (token2 === void 0) {
    return true;
  }
  const { iat, exp } = readClaims(token2) ?? {};
  if (typeof exp !== "number") {
    return false;
  }
  const quarter = typeof iat === "number" ? (exp - iat) / 4 : Infinity;
  return exp - Date.now() / 1e3 > Math.min(quarter, 30);
}
function seemsExpired(token2) {
  const expiry = readClaims(token2)?.exp;
  return typeof expiry === "number" && expiry * 1e3 < Date.now();
}
async function callFactory(factory) {
  let cancelDeadline = () => {
  };
  const limit = new Promise((_, reject) => {
    cancelDeadline = deadline(
      timing.token,
      () => reject(new Error(`it did not settle within ${timing.token / 1e3} seconds`))
    );
  });
  try {
    return await Promise.race([factory(), limit]);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new ConnectionError(`The token factory failed: ${reason}`, { fatal: false, cause });
  } finally {
    cancelDeadline();
  }
}
function readClaims(token2) {
  try {
    const body = (token2.split(".")[1] ?? "").replaceAll("-", "+").replaceAll("_", "/");
    const bytes = Uint8Array.from(atob(body), (character) => character.charCodeAt(0));
    const claims = JSON.parse(new TextDecoder().decode(bytes));
    return typeof claims === "object" && claims !== null ? claims : void 0;
  } catch {
    return void 0;
  }
}

// src/delivery.ts
var Delivery = class {
  constructor(channel, topics, settings, events) {
    this.settings = settings;
    this.events = events;
    this.#topics = wantedTopics(channel, topics);
    this.#result = channel.$result;
  }
  settings;
  events;
  #topics;
  /** What a run returns, where the definition says so. */
  #result;
  /** The ids of text streams that have begun and not ended. */
  #openStreams = /* @__PURE__ */ new Set();
  #waiting = [];
  #isValidating = false;
  /** How many frames wait for a validator. */
  get pending() {
    return this.#waiting.length + (this.#isValidating ? 1 : 0);
  }
  /** Takes a frame, or an action that shall happen after all frames before it. */
  accept(entry, cursor = "now") {
    if (!this.#isWanted(entry)) {
      return;
    }
    if (this.#isValidating) {
      this.#waiting.push([entry, cursor]);
      return;
    }
    this.#process(entry, cursor);
  }
  /** No frame will come any more: what is open stays incomplete. */
  failStreams(failure, cursor) {
    for (const streamId of this.#openStreams) {
      this.events.onStreamEnd(streamId, failure, cursor);
    }
    this.#openStreams.clear();
  }
  #isWanted(entry) {
    const isOfAll = typeof entry === "function" || entry.kind === "run" || entry.kind === "gap";
    return isOfAll || this.#topic(entry.topic) !== void 0;
  }
  #topic(name) {
    return this.#topics === "any" ? { schema: void 0, isStream: void 0 } : this.#topics.get(name);
  }
  #process(entry, cursor) {
    if (typeof entry === "function") {
      return entry();
    }
    switch (entry.kind) {
      case "data":
        return this.#payload(entry, cursor);
      case "datastream-start":
        return this.#streamStarts(entry, cursor);
      case "chunk":
        return this.#openStreams.has(entry.stream_id) ? this.events.onText(entry.data, entry.stream_id, cursor) : void 0;
      case "datastream-end":
        return this.#openStreams.delete(entry.data) ? this.events.onStreamEnd(entry.data, failureOf(entry), cursor) : void 0;
      case "run":
        return this.#run(entry, cursor);
      default:
        return this.#gap(entry, cursor);
    }
  }
  #gap({ channel, after, before }, cursor) {
    this.failStreams({ reason: "gap", why: "pieces of it were missed for good" }, cursor);
    this.events.onGap({ channel, after, before });
  }
  #streamStarts(frame, cursor) {
    if (this.#topic(frame.topic)?.isStream === false) {
      const issue = { message: "a text stream, on a topic that carries payloads" };
      return this.#refuse(frame, [issue], cursor);
    }
    this.#openStreams.add(frame.data);
    const { topic } = frame;
    this.events.onStream({ kind: "stream", topic, ...envelope(frame) }, frame.data, cursor);
  }
  #payload(frame, cursor) {
    const { schema, isStream } = this.#topic(frame.topic) ?? {};
    if (isStream === true) {
      const issue = { message: "a payload, on a topic that carries text streams" };
      return this.#refuse(frame, [issue], cursor);
    }
    if (!this.settings.validate || schema === void 0) {
      return this.#accepted(frame, frame.data, cursor);
    }
    this.#check(
      schema,
      frame.data,
      (result) => result.issues === void 0 ? this.#accepted(frame, result.value, cursor) : this.#refuse(frame, result.issues, cursor)
    );
  }
  #run(frame, cursor) {
    const update = runUpdate(frame);
    const { result, ...news } = update;
    if (!this.settings.validate || this.#result === void 0 || !("result" in update)) {
      return this.events.onRun(update, cursor);
    }
    this.#check(this.#result, result, (checked) => {
      if (checked.issues === void 0) {
        return this.events.onRun({ ...news, result: checked.value }, cursor);
      }
      this.events.onRun(news, cursor);
      const { channel, id } = frame;
      this.events.onInvalid(new InvalidMessageError(channel, void 0, id, result, checked.issues), cursor);
    });
  }
  /** Entries that come meanwhile wait. */
  #check(schema, data, settle) {
    const result = validate(schema, data);
    if (!(result instanceof Promise)) {
      return settle(result);
    }
    this.#isValidating = true;
    void result.then((settled) => {
      this.#isValidating = false;
      settle(settled);
      this.#continue();
    });
  }
  #continue() {
    while (!this.#isValidating) {
      const next = this.#waiting.shift();
      if (next === void 0) {
        return;
      }
      this.#process(...next);
    }
  }
  #accepted(frame, data, cursor) {
    const { topic } = frame;
    this.events.onMessage({ kind: "data", topic, ...envelope(frame), data }, cursor);
  }
  #refuse(frame, issues, cursor) {
    const { channel, topic, id, data } = frame;
    this.events.onInvalid(new InvalidMessageError(channel, topic, id, data, issues), cursor);
  }
};
function wantedTopics(channel, topics) {
  const unknown = { schema: void 0, isStream: void 0 };
  if (typeof channel === "string") {
    return topics === void 0 ? "any" : new Map(topics.map((topic) => [topic, unknown]));
  }
  const known = new Map(
    Object.entries(channel.topics).map(([name, { schema, stream }]) => [
      name,
      { schema, isStream: stream === "text" }
    ])
  );
  return new Map((topics ?? [...known.keys()]).map((topic) => [topic, known.get(topic) ?? unknown]));
}
function failureOf({ error, stopped }) {
  return error === void 0 ? void 0 : { reason: stopped === true ? "stopped" : "failed", why: error };
}
function envelope(frame) {
  return {
    channel: frame.channel,
    id: frame.id,
    createdAt: new Date(frame.created_at),
    ...typeof frame.run_id === "string" ? { runId: frame.run_id } : {}
  };
}
var RUN_STATUSES = {
  running: "running",
  in_progress: "running",
  completed: "completed",
  complete: "completed",
  succeeded: "completed",
  success: "completed",
  failed: "failed",
  error: "failed",
  cancelled: "cancelled",
  canceled: "cancelled"
};
function runUpdate(frame) {
  const data = Object(frame.data);
  const status = runStatus(data["runStatus"]) ?? runStatus(data["status"]) ?? runStatus(data["state"]);
  const { attempt, halted } = data;
  const runError = runErrorOf(data["error"]);
  return {
    ...envelope(frame),
    ...status === void 0 ? {} : { status },
    ...typeof attempt === "number" ? { attempt } : {},
    ...runError === void 0 ? {} : { runError },
    ...typeof halted === "string" ? { halted } : {},
    ...status === "running" ? waitOf(data) : NOT_WAITING,
    ...resultOf(data, status)
  };
}
var NOT_WAITING = Object.freeze({ waitingFor: Object.freeze([]), questions: Object.freeze({}) });
function waitOf({ waitingFor, questions }) {
  if (!Array.isArray(waitingFor)) {
    return NOT_WAITING;
  }
  const names = waitingFor.filter((name) => typeof name === "string");
  const ids = Object(questions);
  const asked = names.map((name) => [name, ids[name]]).filter(([, id]) => typeof id === "string");
  return { waitingFor: names, questions: Object.fromEntries(asked) };
}
function resultOf(data, status) {
  if (Object.hasOwn(data, "result")) {
    return { result: data["result"] };
  }
  return status === "completed" && Object.hasOwn(data, "output") ? { result: data["output"] } : {};
}
function runErrorOf(error) {
  const { message = error } = Object(error);
  return typeof message === "string" ? { message } : void 0;
}
function runStatus(value) {
  const name = typeof value === "string" ? value.toLowerCase() : "";
  return Object.hasOwn(RUN_STATUSES, name) ? RUN_STATUSES[name] : void 0;
}

// src/drift.ts
function findDrift(channel, frame) {
  const expected = channel?.$fingerprint;
  return expected === void 0 || expected === frame.fingerprint ? void 0 : { channel: frame.channel, expected, received: frame.fingerprint };
}
function describeDrift({ channel, expected, received }) {
  return `the channel "${channel}" is defined otherwise on the server: this code was generated from ${expected}, the server's from ${received}; generate and deploy again`;
}

// src/isolate.ts
function isolated(callback) {
  return (...args) => {
    try {
      callback(...args);
    } catch (error) {
      reportUncaught(error);
    }
  };
}
function reportUncaught(error) {
  if (typeof reportError === "function") {
    reportError(error);
  } else {
    setTimeout(() => {
      throw error;
    });
  }
}

// src/liveness.ts
var SLACK = 0.2;
var MIN_SLACK_MS = 100;
var Liveness = class {
  constructor(onAsk, onSilent) {
    this.onAsk = onAsk;
    this.onSilent = onSilent;
  }
  onAsk;
  onSilent;
  /** How long the server may be silent before it is asked. */
  #maxSilence = 0;
  #heardAt = 0;
  /** Undefined unless an answer is due. */
  #askedAt;
  #cancel = () => {
  };
  /** The server is to be heard within so many milliseconds. */
  start(nextIn) {
    this.heard();
    this.expect(nextIn);
  }
  stop() {
    this.#cancel();
  }
  /** Called for every message, which is too often to set a timer. */
  heard() {
    this.#heardAt = performance.now();
  }
  /** What was heard is the answer that was asked for. */
  answered() {
    this.#askedAt = void 0;
  }
  /** The server has said within how many milliseconds it is heard again. */
  expect(nextIn) {
    this.answered();
    this.#maxSilence = nextIn + Math.max(SLACK * nextIn, MIN_SLACK_MS);
    this.#watch();
  }
  /** Asks the server whether it is there. */
  ask() {
    if (this.#askedAt === void 0) {
      this.#askedAt = performance.now();
      this.#watch();
    }
    this.onAsk();
  }
  #watch() {
    this.#cancel();
    this.#cancel = deadline(this.#due() - performance.now() + 1, () => {
      if (performance.now() < this.#due()) {
        return this.#watch();
      }
      return this.#askedAt === void 0 ? this.ask() : this.onSilent();
    });
  }
  /**
   * What is heard after asking may have been on its way since before the network died. But the
   * answer may be behind it, so it has its full time again.
   */
  #due() {
    return this.#askedAt === void 0 ? this.#heardAt + this.#maxSilence : Math.max(this.#askedAt, this.#heardAt) + timing.probe;
  }
};

// src/surroundings.ts
function watchSurroundings(events) {
  const listening = new AbortController();
  const listen = (target, type, listener) => target?.addEventListener?.(type, listener, { signal: listening.signal });
  const page = typeof document === "undefined" ? void 0 : document;
  const window = page === void 0 ? void 0 : page.defaultView ?? void 0;
  listen(window, "offline", () => events.onDoubt());
  listen(window, "online", () => events.onReturn());
  listen(window, "pageshow", (event) => {
    if (event.persisted) {
      events.onReturn();
    }
  });
  listen(page, "freeze", () => events.onFreeze());
  listen(window, "pagehide", () => events.onFreeze());
  listen(page, "resume", () => events.onReturn());
  listen(page, "visibilitychange", () => {
    if (page?.visibilityState === "visible") {
      events.onReturn();
    }
  });
  const stopClock = watchSleep(() => events.onReturn());
  return () => {
    listening.abort();
    stopClock();
  };
}
function watchSleep(onWake) {
  let due = Date.now() + timing.tick;
  const clock = setInterval(() => {
    const lateness = Date.now() - due;
    due = Date.now() + timing.tick;
    if (lateness > timing.late) {
      onWake();
    }
  }, timing.tick);
  return () => clearInterval(clock);
}

// src/transport/page-group.ts
function canGroup() {
  return typeof document !== "undefined" && typeof BroadcastChannel === "function" && navigator.locks !== void 0;
}
var PageGroup = class {
  constructor(name, events) {
    this.name = name;
    this.events = events;
    this.#all = new BroadcastChannel(name);
    this.#all.onmessage = ({ data }) => this.#hear(data);
    this.#inbox = new BroadcastChannel(this.#nameOf(this.id));
    this.#inbox.onmessage = ({ data }) => data.leader === this.#leader ? events.onAnswer(data.answer) : void 0;
    this.#cancelDeadline = deadline(timing.leader, () => events.onAlone());
    this.#hold(this.#nameOf(this.id), () => {
      this.#isMember = true;
      this.#call({ kind: "hello" });
      this.#hold(name, () => this.#lead());
    });
  }
  name;
  events;
  id = crypto.randomUUID();
  #leaving = new AbortController();
  #all;
  #inbox;
  /** The inboxes of the members, if this page leads. */
  #members = /* @__PURE__ */ new Map();
  #cancelDeadline;
  /** Its name begins with the time, so that a message of an earlier leader that comes late is known as one. */
  #leader = "";
  #isMember = false;
  #isLeader = false;
  /** Asks the leader. Before there is one, `onLeader` is the time to ask. */
  ask(request) {
    if (this.#isLeader) {
      this.events.onRequest(this.id, request);
    } else if (this.#leader !== "") {
      this.#call({ kind: "request", leader: this.#leader, from: this.id, request });
    }
  }
  /** Answers a member, as the leader. */
  answer(member, answer) {
    if (member === this.id) {
      this.events.onAnswer(answer);
    } else {
      this.#members.get(member)?.postMessage({ leader: this.#leader, answer });
    }
  }
  /** Answers all members, this page last, as that may leave on account of it. */
  answerAll(answer) {
    for (const member of [...this.#members.keys(), this.id]) {
      this.answer(member, answer);
    }
  }
  leave() {
    this.#cancelDeadline();
    this.#leaving.abort();
    for (const channel of [this.#all, this.#inbox, ...this.#members.values()]) {
      channel.close();
    }
    this.#members.clear();
  }
  #hear(call) {
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
  #follow(leader) {
    if (this.#isMember && !this.#isLeader && leader > this.#leader) {
      this.#cancelDeadline();
      this.#leader = leader;
      this.events.onLeader();
    }
  }
  #lead() {
    this.#cancelDeadline();
    const time = Math.max(Date.now(), 1 + (Number.parseInt(this.#leader, 10) || 0));
    this.#leader = `${time} ${this.id}`;
    this.#isLeader = true;
    this.events.onLead();
    this.#call({ kind: "leader", leader: this.#leader });
    this.events.onLeader();
  }
  #admit(member) {
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
    void navigator.locks.request(this.#nameOf(member), { signal }, gone).catch(() => {
    });
  }
  /** Holds a lock from when it is free until this page leaves. */
  #hold(lock, onHeld) {
    const { signal } = this.#leaving;
    const holding = navigator.locks.request(lock, { signal }, () => {
      if (signal.aborted) {
        return void 0;
      }
      onHeld();
      return new Promise((resolve) => signal.addEventListener("abort", resolve));
    });
    void holding.catch(() => signal.aborted ? void 0 : this.events.onAlone());
  }
  #call(call) {
    this.#all.postMessage(call);
  }
  #nameOf(member) {
    return `${this.name} ${member}`;
  }
};

// src/transport/events.ts
function eventReader(onData) {
  let rest = "";
  let data = [];
  return (text) => {
    const lines = (rest + text).split(/\r\n|\n|\r(?!$)/);
    rest = lines.pop() ?? "";
    for (const line of lines) {
      if (line === "" && data.length > 0) {
        onData(data.join("\n"));
        data = [];
      } else if (line.startsWith("data:")) {
        data.push(line.slice(line[5] === " " ? 6 : 5));
      }
    }
  };
}

// src/transport/transport.ts
var LOST = 1006;

// src/transport/sse.ts
var SseTransport = class {
  constructor(server, resumeAt, events) {
    this.resumeAt = resumeAt;
    this.events = events;
    this.address = routeUrl(server, "sse").href;
    queueMicrotask(() => {
      if (!this.#isClosed) {
        events.onOpen();
      }
    });
  }
  resumeAt;
  events;
  address;
  isFixed = true;
  #subscriptions = /* @__PURE__ */ new Map();
  #stream = new AbortController();
  #timer;
  #isClosed = false;
  /** A server is not asked whether it is there but connected to again. */
  send(frame) {
    if (frame.kind === "sub") {
      this.#subscriptions.set(frame.ref, frame);
    } else if (frame.kind === "unsub") {
      this.#subscriptions.delete(frame.ref);
    }
    this.#timer ??= setTimeout(() => {
      this.#timer = void 0;
      void this.#reopen();
    }, timing.coalesce);
  }
  close() {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#stream.abort();
  }
  /** Cookies go to another origin only for what has no token. */
  get #credentials() {
    const hasSession = [...this.#subscriptions.values()].some(({ data }) => data === void 0);
    return hasSession ? "include" : "same-origin";
  }
  async #reopen() {
    this.#stream.abort();
    if (this.#subscriptions.size === 0) {
      return;
    }
    const stream = new AbortController();
    this.#stream = stream;
    const cancelDeadline = deadline(timing.open, () => this.#lost(stream, "it did not answer in time"));
    try {
      const response = await fetch(this.address, {
        method: "POST",
        // As plain text, which pages may send to other origins without asking first.
        body: JSON.stringify([...this.#subscriptions.values()].map(this.#resumed)),
        cache: "no-store",
        credentials: this.#credentials,
        signal: stream.signal
      });
      cancelDeadline();
      await (response.ok ? this.#read(response, stream) : this.#refused(response, stream));
    } catch (cause) {
      cancelDeadline();
      this.#lost(stream, failureReason(cause));
    }
  }
  #resumed = (frame) => ({
    ...frame,
    since: this.resumeAt(frame.ref)
  });
  async #read(response, stream) {
    const decoder = new TextDecoder();
    const takeText = eventReader((data) => this.#receive(data, stream));
    const reader = response.body?.getReader();
    for (; ; ) {
      const { done = true, value } = await reader?.read() ?? {};
      if (done) {
        return this.#lost(stream, "the event stream has ended");
      }
      takeText(decoder.decode(value, { stream: true }));
    }
  }
  #receive(data, stream) {
    if (stream.signal.aborted) {
      return;
    }
    const frames = parseFrames(data);
    for (const frame of frames) {
      if ((frame.kind === "error" || frame.kind === "unsubscribed") && frame.ref !== void 0) {
        this.#subscriptions.delete(frame.ref);
      }
    }
    this.events.onFrames(frames);
  }
  async #refused(response, stream) {
    const text = await response.text();
    const reason = `${response.status} ${readError(text) ?? response.statusText}`.trim();
    this.#lost(stream, reason, retryAfter(response.headers));
  }
  #lost(stream, reason, wait) {
    if (!stream.signal.aborted) {
      this.close();
      this.events.onClose(LOST, reason, wait);
    }
  }
};
function readError(text) {
  try {
    const { error } = JSON.parse(text);
    return typeof error === "string" ? error : void 0;
  } catch {
    return void 0;
  }
}

// src/transport/shared-stream.ts
var LONG_CURSOR = "x".repeat(128);
var SharedStream = class {
  constructor(server, pages) {
    this.pages = pages;
    this.#stream = new SseTransport(server, (ref) => this.#resumeAt(ref), {
      onOpen: () => {
      },
      onFrames: (frames) => this.#receive(frames),
      onClose: (code, reason, retryAfter2) => pages.answerAll({ kind: "closed", code, reason, retryAfter: retryAfter2 })
    });
  }
  pages;
  #stream;
  /** By the `ref` on the stream, which is a member's name, a dot and the member's own `ref`. */
  #entries = /* @__PURE__ */ new Map();
  #bytes = 0;
  #heardAt = -Infinity;
  take(member, frames) {
    for (const frame of frames) {
      if (frame.kind === "alive") {
        this.#showLife(member);
      } else if (frame.kind === "unsub") {
        this.#end(`${member}.${frame.ref}`);
      } else if (frame.kind === "sub" && !this.#subscribe({ ...frame, ref: `${member}.${frame.ref}` })) {
        this.remove(member);
        return this.pages.answer(member, { kind: "full" });
      }
    }
  }
  remove(member) {
    for (const ref of [...this.#entries.keys()]) {
      if (ref.startsWith(`${member}.`)) {
        this.#end(ref);
      }
    }
  }
  close() {
    this.#stream.close();
  }
  /** Returns `false` if the server would not take as much on one stream. */
  #subscribe(frame) {
    const { ref, channel, since } = frame;
    const earlier = this.#entries.get(ref);
    const text = JSON.stringify({ ...frame, since: { [channel]: LONG_CURSOR } });
    const bytes = new TextEncoder().encode(text).length;
    const hasRoom = earlier !== void 0 || this.#entries.size < MOST_CHANNELS;
    if (!hasRoom || this.#bytes - (earlier?.bytes ?? 0) + bytes > MAX_STREAM_BYTES) {
      return false;
    }
    this.#forget(ref);
    const cursor = earlier === void 0 ? since?.[channel] : earlier.cursor;
    this.#entries.set(ref, { channel, bytes, cursor });
    this.#bytes += bytes;
    this.#stream.send(frame);
    return true;
  }
  #end(ref) {
    this.#forget(ref);
    this.#stream.send({ kind: "unsub", ref });
  }
  #forget(ref) {
    this.#bytes -= this.#entries.get(ref)?.bytes ?? 0;
    this.#entries.delete(ref);
  }
  /** All pages ask when the network is back, and one new stream answers them. */
  #showLife(member) {
    if (performance.now() - this.#heardAt < timing.fresh) {
      this.pages.answer(member, { kind: "frames", frames: [] });
    } else {
      this.#stream.send({ kind: "alive" });
    }
  }
  #resumeAt(ref) {
    const { channel, cursor } = this.#entries.get(ref) ?? {};
    return channel === void 0 || cursor === void 0 ? void 0 : { [channel]: cursor };
  }
  #receive(frames) {
    this.#heardAt = performance.now();
    const batches = /* @__PURE__ */ new Map();
    const add = (member, frame) => {
      const batch = batches.get(member) ?? [];
      batch.push(frame);
      batches.set(member, batch);
    };
    for (const frame of frames) {
      if (!("ref" in frame) || frame.ref === void 0) {
        this.pages.answerAll({ kind: "frames", frames: [frame] });
      } else {
        this.#follow(frame.ref, frame);
        const [member = "", ref = ""] = frame.ref.split(".");
        add(member, { ...frame, ref });
      }
    }
    for (const [member, batch] of batches) {
      this.pages.answer(member, { kind: "frames", frames: batch });
    }
  }
  /** Keeps the cursor that a new stream resumes from, by the rules of PROTOCOL.md. */
  #follow(ref, frame) {
    const entry = this.#entries.get(ref);
    if (frame.kind === "error" || frame.kind === "unsubscribed") {
      this.#forget(ref);
    } else if (entry !== void 0 && "channel" in frame && frame.channel === entry.channel) {
      if (frame.kind === "ready") {
        entry.cursor = frame.position;
      } else if ("id" in frame) {
        entry.cursor = advance(entry.cursor, frame.id);
      }
    }
  }
};

// src/transport/shared-sse.ts
function openEvents(server, resumeAt, events) {
  return canGroup() ? new SharedSseTransport(server, resumeAt, events) : new SseTransport(server, resumeAt, events);
}
var SharedSseTransport = class {
  constructor(server, resumeAt, events) {
    this.server = server;
    this.resumeAt = resumeAt;
    this.events = events;
    this.address = routeUrl(server, "sse").href;
    this.#group = new PageGroup(`fanfare 1 ${this.address}`, {
      onLead: () => {
        this.#shared = new SharedStream(server, this.#group);
      },
      onLeader: () => this.#group.ask([...this.#subscriptions.values()].map(this.#resumed)),
      onAlone: () => this.#goAlone(),
      onAnswer: (answer) => this.#receive(answer),
      onRequest: (member, frames) => this.#shared?.take(member, frames),
      onGone: (member) => this.#shared?.remove(member)
    });
    queueMicrotask(() => {
      if (!this.#isClosed) {
        events.onOpen();
      }
    });
  }
  server;
  resumeAt;
  events;
  address;
  isFixed = true;
  #subscriptions = /* @__PURE__ */ new Map();
  #group;
  /** What this page holds for all, if it leads. */
  #shared;
  /** The page's own stream, if there is no leader that answers or its stream is full. */
  #own;
  #isClosed = false;
  send(frame) {
    if (this.#own !== void 0) {
      return this.#own.send(frame);
    }
    if (frame.kind === "sub") {
      this.#subscriptions.set(frame.ref, frame);
    } else if (frame.kind === "unsub") {
      this.#subscriptions.delete(frame.ref);
    }
    this.#group.ask([frame]);
  }
  close() {
    this.#isClosed = true;
    this.#leave();
    this.#own?.close();
  }
  #receive(answer) {
    if (answer.kind === "full") {
      return this.#goAlone();
    }
    if (answer.kind === "closed") {
      this.close();
      return this.events.onClose(answer.code, answer.reason, answer.retryAfter);
    }
    for (const frame of answer.frames) {
      if ((frame.kind === "error" || frame.kind === "unsubscribed") && frame.ref !== void 0) {
        this.#subscriptions.delete(frame.ref);
      }
    }
    this.events.onFrames(answer.frames);
  }
  #goAlone() {
    if (this.#own !== void 0 || this.#isClosed) {
      return;
    }
    this.#leave();
    this.#own = new SseTransport(this.server, this.resumeAt, { ...this.events, onOpen: () => {
    } });
    for (const frame of this.#subscriptions.values()) {
      this.#own.send(frame);
    }
  }
  #leave() {
    this.#group.leave();
    this.#shared?.close();
    this.#shared = void 0;
  }
  #resumed = (frame) => ({ ...frame, since: this.resumeAt(frame.ref) });
};

// src/transport/websocket.ts
function webSocketConstructor(given) {
  return given ?? globalThis.WebSocket;
}
var WebSocketTransport = class {
  address;
  isFixed = false;
  #socket;
  #cancelDeadline;
  /** Browsers tell nothing when a handshake fails, Node tells the HTTP status. */
  #refusal = "";
  constructor(constructor, server, events) {
    const url2 = connectUrl(server);
    this.address = `${url2.protocol}//${url2.host}${url2.pathname}`;
    const socket = new constructor(url2.href, [SUBPROTOCOL]);
    this.#socket = socket;
    const fail = (code, reason) => {
      this.close("lost");
      events.onClose(code, reason || this.#refusal);
    };
    socket.onopen = () => {
      this.#cancelDeadline();
      events.onOpen();
    };
    socket.onmessage = ({ data }) => {
      events.onFrames(typeof data === "string" ? parseFrames(data) : []);
    };
    socket.onclose = (event) => fail(event.code, event.reason);
    socket.onerror = (event) => {
      this.#refusal = typeof event.message === "string" ? event.message : "";
      this.#cancelDeadline();
      this.#cancelDeadline = deadline(timing.closeEvent, () => fail(LOST, ""));
    };
    this.#cancelDeadline = deadline(timing.open, () => fail(LOST, "it did not answer in time"));
  }
  send(frame) {
    this.#socket.send(JSON.stringify(frame));
  }
  close(reason) {
    this.#cancelDeadline();
    const socket = this.#socket;
    socket.onopen = null;
    socket.onmessage = null;
    socket.onclose = null;
    socket.onerror = () => {
    };
    socket.close(1e3, reason.slice(0, 41));
  }
};

// src/connection.ts
var PATIENCE = 3;
var Connection = class {
  constructor(route, onIdle) {
    this.route = route;
    this.onIdle = onIdle;
  }
  route;
  onIdle;
  #carried = /* @__PURE__ */ new Map();
  #liveness = new Liveness(
    () => this.send({ kind: "alive" }),
    () => this.#broken(LOST, "it fell silent")
  );
  #backoff = new Backoff();
  #lastRef = 0;
  /** What is open, and what is being opened; both while the connection moves. */
  #current;
  #upcoming;
  #provenKind;
  #openedAt = 0;
  #failedWebSockets = 0;
  /** What went wrong in this attempt, with one transport and then the other. */
  #reasons = [];
  #retryTimer;
  #returnTimer;
  #returnWait = timing.returnMin / 2;
  #lingerTimer;
  #unwatch;
  get size() {
    return this.#carried.size;
  }
  get isOpen() {
    return this.#current !== void 0;
  }
  /** Whether another token for what is subscribed needs another `sub`. */
  get isFixed() {
    return this.#current?.transport?.isFixed === true;
  }
  /** Takes a subscription on and gives it the `ref` for its frames. */
  join(subscription2) {
    clearTimeout(this.#lingerTimer);
    const ref = String(this.#lastRef += 1);
    this.#carried.set(ref, subscription2);
    this.#unwatch ??= watchSurroundings({
      onDoubt: () => this.#probe(),
      onReturn: () => this.#returned(),
      onFreeze: () => this.#broken(LOST, "the page was frozen or left")
    });
    return ref;
  }
  leave(ref) {
    this.#carried.delete(ref);
    if (this.#carried.size === 0) {
      clearTimeout(this.#lingerTimer);
      this.#lingerTimer = setTimeout(() => this.#stop(), timing.linger);
    }
  }
  /** Connects, unless that is being done or waited for. */
  wake() {
    if (this.#current ?? this.#upcoming ?? this.#retryTimer) {
      return;
    }
    this.#connect();
  }
  send(frame) {
    this.#current?.transport?.send(frame);
  }
  /** Whether the server was heard of. Some networks open a WebSocket and then let nothing through. */
  get isProven() {
    return this.#current?.isProven === true;
  }
  /** It is of no use: try again, and in another way. */
  giveUp(reason) {
    this.#broken(LOST, reason);
  }
  #connect() {
    clearTimeout(this.#retryTimer);
    this.#retryTimer = void 0;
    if (this.#upcoming !== void 0) {
      return;
    }
    this.#reasons = [];
    const { WebSocket: WebSocket2, hasEvents } = this.route;
    const prefersEvents = WebSocket2 === void 0 || this.#provenKind === "sse";
    this.#attempt(hasEvents && prefersEvents ? "sse" : "websocket");
  }
  #attempt(kind) {
    const attempt = { kind, isProven: false, isClosing: false, begunAt: performance.now() };
    this.#upcoming = attempt;
    const events = {
      onOpen: () => this.#opened(attempt),
      onFrames: (frames) => this.#receive(frames, attempt),
      onClose: (code, reason, retryAfter2) => this.#closed(attempt, code, reason, retryAfter2)
    };
    const { server, WebSocket: WebSocket2 } = this.route;
    try {
      attempt.transport = kind === "websocket" && WebSocket2 !== void 0 ? new WebSocketTransport(WebSocket2, server, events) : openEvents(server, (ref) => this.#carried.get(ref)?.since, events);
    } catch (cause) {
      this.#closed(attempt, LOST, cause instanceof Error ? cause.message : String(cause));
    }
  }
  #opened(attempt) {
    this.#upcoming = void 0;
    this.#current?.transport?.close("moved");
    this.#current = attempt;
    this.#openedAt = performance.now();
    clearTimeout(this.#retryTimer);
    this.#retryTimer = void 0;
    clearTimeout(this.#returnTimer);
    this.#liveness.start(attempt.kind === "sse" ? timing.firstAliveOverEvents : timing.firstAlive);
    if (attempt.kind === "sse" && this.route.WebSocket !== void 0) {
      this.#returnLater();
    }
    this.#tell((subscription2) => subscription2.onOpen());
  }
  #receive(frames, attempt) {
    if (!attempt.isProven) {
      attempt.isProven = true;
      this.#prove(attempt.kind);
    }
    this.#liveness.heard();
    if (attempt.kind === "sse") {
      this.#liveness.answered();
    }
    for (const frame of frames) {
      if (attempt !== this.#current) {
        return;
      }
      this.#dispatch(frame, attempt);
    }
  }
  #prove(kind) {
    this.#provenKind = kind;
    this.#reasons = [];
    if (kind === "websocket") {
      this.#failedWebSockets = 0;
      this.#returnWait = timing.returnMin / 2;
    }
  }
  #dispatch(frame, attempt) {
    if (frame.kind === "alive") {
      return this.#liveness.expect(frame.next_in);
    }
    if (frame.kind === "closing") {
      attempt.isClosing = true;
      return this.#connectIn(frame.reconnect_in ?? Math.random() * timing.spread);
    }
    if (frame.kind === "malformed") {
      return this.#report(new ProtocolError("malformed_frame", `The server sent ${frame.reason}`));
    }
    if (frame.ref !== void 0) {
      const subscription2 = this.#carried.get(frame.ref);
      return subscription2 && isolated(() => subscription2.onFrame(frame))();
    }
    if (frame.kind === "error") {
      this.#report(new ProtocolError(frame.code, frame.message));
    }
  }
  #closed(attempt, code, reason, retryAfter2) {
    if (attempt === this.#upcoming) {
      this.#upcoming = void 0;
      return this.#failed(attempt, reason || "it cannot be reached, or it refused this client", retryAfter2);
    }
    if (attempt === this.#current) {
      this.#broken(code, reason, retryAfter2);
    }
  }
  /** An attempt has come to nothing. Events may do where a WebSocket does not. */
  #failed({ kind, transport, begunAt }, reason, retryAfter2 = 0) {
    const { WebSocket: WebSocket2, hasEvents, server } = this.route;
    this.#reasons.push(`${transport?.address ?? server.href}: ${reason}`);
    if (kind === "websocket") {
      this.#failedWebSockets += 1;
      this.#returnWait = Math.min(2 * this.#returnWait, timing.returnMax);
    }
    if (this.#current !== void 0) {
      return this.#current.isClosing ? this.#retry(retryAfter2) : this.#returnLater();
    }
    const wasRefused = performance.now() - begunAt < timing.open / 2;
    const isRepeated = this.#provenKind === "websocket" && wasRefused && this.#failedWebSockets < PATIENCE;
    const hasOther = kind === "sse" ? WebSocket2 !== void 0 : hasEvents && !isRepeated;
    if (hasOther && this.#reasons.length === 1 && retryAfter2 === 0) {
      return this.#attempt(kind === "sse" ? "websocket" : "sse");
    }
    const message = `Could not subscribe at ${this.#reasons.join("; nor at ")}`;
    const error = new ConnectionError(message, { fatal: false });
    this.#tell((subscription2) => subscription2.onFailed(error));
    this.#retry(retryAfter2);
  }
  /** What was open is not any more. */
  #broken(code, reason, retryAfter2) {
    const attempt = this.#current;
    if (attempt === void 0) {
      return;
    }
    this.#current = void 0;
    this.#liveness.stop();
    clearTimeout(this.#returnTimer);
    attempt.transport?.close(reason);
    if (isFatalClose(code)) {
      return this.#end(attempt, code, reason);
    }
    const isUnused = [...this.#carried.values()].every(({ isWaiting }) => isWaiting);
    if (code === CLOSED_AS_UNUSED && isUnused) {
      return;
    }
    if (!attempt.isProven) {
      this.#tell((subscription2) => subscription2.onConnecting());
      return this.#failed(attempt, reason || `it closed the connection (${code})`, retryAfter2);
    }
    if (performance.now() - this.#openedAt >= this.#backoff.waited) {
      this.#backoff.reset();
    }
    this.#tell((subscription2) => subscription2.onLost(code));
    if (this.#upcoming === void 0) {
      this.#retry(retryAfter2);
    }
  }
  #end(attempt, closeCode, reason) {
    const why = reason === "" ? "" : `: ${reason}`;
    const address = attempt.transport?.address ?? this.route.server.href;
    const message = `${address} closed the connection for good (${closeCode}${why})`;
    const error = new ConnectionError(message, { fatal: true, closeCode });
    this.#tell((subscription2) => subscription2.onEnd(error));
  }
  /** Connects again after a while, which the server may have asked for. */
  #retry(retryAfter2) {
    if (this.#carried.size === 0 || this.#retryTimer !== void 0) {
      return;
    }
    const waits = [...this.#carried.values()].map((subscription2) => subscription2.waits);
    const min = Math.min(...waits.map(({ min: min2 }) => min2));
    const max = Math.min(...waits.map(({ max: max2 }) => max2));
    this.#connectIn(this.#backoff.next({ min, max }, retryAfter2));
  }
  #connectIn(wait) {
    this.#retryTimer ??= setTimeout(() => this.#connect(), wait);
  }
  #tryWebSocket() {
    if (this.#upcoming === void 0) {
      this.#reasons = [];
      this.#attempt("websocket");
    }
  }
  #returnLater() {
    clearTimeout(this.#returnTimer);
    this.#returnTimer = setTimeout(() => this.#tryWebSocket(), this.#returnWait);
  }
  #probe() {
    if (this.#current !== void 0) {
      this.#liveness.ask();
    }
  }
  /** Nothing is known of what was before: ask what stands, and wait for nothing. */
  #returned() {
    this.#tell((subscription2) => subscription2.onReturn());
    this.#backoff.reset();
    this.#returnWait = timing.returnMin / 2;
    if (this.#current !== void 0 && !this.#current.isClosing) {
      this.#probe();
      return this.#current.kind === "sse" && this.route.WebSocket !== void 0 ? this.#tryWebSocket() : void 0;
    }
    const begunAt = this.#upcoming?.begunAt ?? -Infinity;
    const isWanted = this.#upcoming !== void 0 || this.#retryTimer !== void 0;
    if (isWanted && performance.now() - begunAt > timing.fresh) {
      this.#upcoming?.transport?.close("begun anew");
      this.#upcoming = void 0;
      this.#connect();
    }
  }
  #report(error) {
    this.#tell((subscription2) => subscription2.onError(error));
  }
  /** Calls every subscription that is still here when its turn comes: one may close another. */
  #tell(event) {
    for (const [ref, subscription2] of [...this.#carried]) {
      if (this.#carried.get(ref) === subscription2) {
        isolated(event)(subscription2);
      }
    }
  }
  #stop() {
    clearTimeout(this.#retryTimer);
    this.#retryTimer = void 0;
    clearTimeout(this.#returnTimer);
    this.#liveness.stop();
    this.#unwatch?.();
    this.#unwatch = void 0;
    for (const attempt of [this.#current, this.#upcoming]) {
      attempt?.transport?.close("no subscription");
    }
    this.#current = void 0;
    this.#upcoming = void 0;
    this.onIdle();
  }
};

// src/connections.ts
var connections = /* @__PURE__ */ new Set();
function sharedConnection(options, current) {
  const route = routeOf(options);
  if (current !== void 0 && isSame(current.route, route)) {
    return current;
  }
  for (const connection2 of connections) {
    if (connection2.size < MOST_CHANNELS && isSame(connection2.route, route)) {
      return connection2;
    }
  }
  const connection = new Connection(route, () => connections.delete(connection));
  connections.add(connection);
  return connection;
}
function routeOf({ apiBaseUrl, transport = "auto", WebSocket: WebSocket2 }) {
  const constructor = transport === "sse" ? void 0 : webSocketConstructor(WebSocket2);
  const hasEvents = transport !== "websocket" && typeof fetch === "function";
  if (constructor === void 0 && !hasEvents) {
    throw new ConnectionError(
      'There is no global WebSocket here: use Node 22 or later, leave out `transport`, or give the option `WebSocket`, for example the one of the npm package "ws"',
      { fatal: true }
    );
  }
  return { server: serverUrl(apiBaseUrl), WebSocket: constructor, hasEvents };
}
function isSame(one, other) {
  return one.server.href === other.server.href && one.WebSocket === other.WebSocket && one.hasEvents === other.hasEvents;
}

// src/reading.ts
var Reading = class {
  /** Undefined for a new subscriber who has not been confirmed yet. */
  cursor;
  /**
   * The last message's id of each topic, and that of the last news of a run, which have none: what
   * was sent twice is not passed on twice.
   */
  #lastIds = /* @__PURE__ */ new Map();
  #lastGap = "";
  constructor(since) {
    this.cursor = since === "now" ? void 0 : since;
  }
  begin(frame) {
    this.cursor = frame.position;
  }
  /** Whether the message is a new one. */
  takes(frame) {
    const { id } = frame;
    const topic = frame.kind === "run" ? void 0 : frame.topic;
    this.cursor = advance(this.cursor, id);
    const lastId = this.#lastIds.get(topic);
    if (lastId !== void 0 && id <= lastId) {
      return false;
    }
    this.#lastIds.set(topic, id);
    return true;
  }
  /** Whether the gap is a new one. It comes again when the connection is lost before a message follows. */
  takesGap({ after, before }) {
    if ([...this.#lastIds.values()].some((lastId) => lastId >= before)) {
      this.#lastIds.clear();
    }
    const gap = JSON.stringify([after, before]);
    const isNew = gap !== this.#lastGap;
    this.#lastGap = gap;
    return isNew;
  }
};

// src/refusal.ts
var FINAL = ["bad_frame", "not_granted", "unknown_channel", "ref_in_use", "too_many_channels"];
function refusal(frame, channel, grant) {
  const isRenewable = grant?.renewable === true && grant.token !== void 0;
  const isUnauthorized = frame.code === "unauthorized";
  const isExpired = isUnauthorized && seemsExpired(grant?.token ?? "");
  const expired = isRenewable ? "the token has expired" : endOfToken("expired");
  const { code, message } = isExpired ? { code: "expired", message: expired } : frame;
  return new ConnectionError(`Could not subscribe to the channel "${channel}": ${message} (${code})`, {
    fatal: FINAL.includes(code) || isUnauthorized && !isRenewable,
    code
  });
}
function endOfToken(code) {
  return code === "revoked" ? "the token was revoked; give a function as `token` so that another can be fetched" : "the token has expired; give a function as `token` so that a new one can be fetched";
}
function asFatal(error) {
  const { message, closeCode, code, cause } = error;
  return error.fatal ? error : new ConnectionError(message, { fatal: true, closeCode, code, cause });
}
function asConnectionError(cause) {
  if (cause instanceof ConnectionError) {
    return cause;
  }
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new ConnectionError(`Could not connect: ${reason}`, { fatal: false, cause });
}

// src/link.ts
var Link = class {
  constructor(target, since, events) {
    this.target = target;
    this.events = events;
    this.#reading = new Reading(since);
  }
  target;
  events;
  #settings = { token: void 0 };
  #reading;
  #tokens = new TokenSource();
  #backoff = new Backoff();
  #connection;
  #ref = "";
  #stage = "out";
  #status = "idle";
  /** The token that the server has, and one that it has not seen yet. */
  #grant;
  #freshGrant;
  /** Whether an earlier `sub` had the same token. */
  #isReused = false;
  /** Whether the connection was opened for this `sub`, and so with the session that the page has now. */
  #hasLatestSession = false;
  #wasMisdirected = false;
  #cancelTimer = () => {
  };
  /** What waits until an attempt may be made. */
  #waiting;
  /** Whatever was begun in an earlier stage compares this and keeps still. */
  #epoch = 0;
  get waits() {
    const { reconnectMinMs = 250, reconnectMaxMs = 5e3 } = this.#settings;
    return { min: reconnectMinMs, max: reconnectMaxMs };
  }
  get isWaiting() {
    return this.#stage === "asking" || this.#stage === "out";
  }
  get since() {
    const { cursor } = this.#reading;
    return cursor === void 0 ? void 0 : { [this.target.channel]: cursor };
  }
  /** Subscribes, after a pause from where it stopped. Settings may differ from earlier ones. */
  open(settings) {
    this.#leave();
    this.#settings = settings;
    this.#backoff.reset();
    this.#enter("asking");
    const epoch = this.#epoch;
    this.#setStatus("connecting");
    void Promise.resolve().then(() => epoch === this.#epoch ? this.#ask() : void 0);
  }
  /** Leaves the server. `open` continues. */
  pause() {
    this.#leave();
    this.#setStatus("paused");
  }
  close() {
    this.#leave();
    this.#setStatus("closed");
  }
  onConnecting() {
    this.#setStatus("connecting");
  }
  onOpen() {
    if (this.#stage === "asking" || this.#stage === "out") {
      return;
    }
    this.#hasLatestSession = true;
    const grant = this.#freshGrant ?? this.#grant;
    const isUsable = grant !== void 0 && (grant !== this.#grant || hasTimeLeft(grant.token));
    return isUsable ? this.#subscribe(grant) : void this.#ask();
  }
  onLost(closeCode) {
    if (this.#settings.reconnect === false) {
      return this.onEnd(
        new ConnectionError(`The connection was lost (${closeCode})`, { fatal: true, closeCode })
      );
    }
    if (this.#stage === "standing" || this.#stage === "subscribing") {
      this.#enter("lost");
      this.#setStatus("connecting");
    }
  }
  onFailed(error) {
    if (this.#settings.reconnect === false) {
      return this.onEnd(asFatal(error));
    }
    if (this.#stage === "standing" || this.#stage === "subscribing") {
      this.#enter("lost");
    }
    this.#setStatus("connecting");
    this.events.onError(error);
  }
  onError(error) {
    this.events.onError(error);
  }
  onEnd(error) {
    this.#leave();
    this.#setStatus(error.closeCode === 1e3 ? "closed" : "error");
    this.events.onEnd(error);
  }
  onReturn() {
    const action = this.#waiting;
    if (action !== void 0) {
      this.#clearTimer();
      action();
    }
  }
  onFrame(frame) {
    if ("channel" in frame && frame.channel !== this.target.channel) {
      return this.#misdirected(frame.channel);
    }
    switch (frame.kind) {
      case "data":
      case "datastream-start":
      case "chunk":
      case "datastream-end":
      case "run":
        return this.#reading.takes(frame) ? this.#pass(frame) : void 0;
      case "gap":
        return this.#reading.takesGap(frame) ? this.#pass(frame) : void 0;
      case "ready":
        return this.#ready(frame);
      case "expiring":
        return this.#grant?.renewable === true ? this.#renew() : void 0;
      case "renewed":
        return this.#backoff.reset();
      case "unsubscribed":
        return this.#unsubscribed(frame.code ?? "unsubscribed");
      case "error":
        return this.#stage === "subscribing" || this.#connection?.isFixed === true ? this.#refused(frame) : this.#notRenewed(frame);
      default:
        return;
    }
  }
  /** Says so once: whatever makes the server send one such frame makes it send more. */
  #misdirected(channel) {
    if (!this.#wasMisdirected) {
      this.#wasMisdirected = true;
      const message = `The server sent a frame of the channel "${channel}" to a subscription to "${this.target.channel}"`;
      this.events.onError(new ProtocolError("wrong_channel", message));
    }
  }
  #pass(frame) {
    this.events.onFrame(frame, this.#reading.cursor ?? "now");
  }
  /** Asks for a token and subscribes with it. */
  async #ask() {
    this.#enter("asking");
    const epoch = this.#epoch;
    this.#setStatus("connecting");
    try {
      const grant = await this.#nextGrant();
      if (epoch === this.#epoch) {
        this.#subscribe(grant);
      }
    } catch (cause) {
      if (epoch === this.#epoch) {
        this.#tryAgain(asConnectionError(cause));
      }
    }
  }
  async #nextGrant() {
    const grant = await this.#tokens.next(this.#settings.token);
    const { channel, topics } = this.target;
    const missing = missingGrant(grant.token, channel, topics);
    if (missing !== void 0) {
      throw new ConnectionError(missing, { fatal: true, code: "not_granted" });
    }
    return grant;
  }
  #subscribe(grant) {
    const connection = this.#join(grant);
    if (!connection.isOpen) {
      this.#freshGrant = grant;
      this.#enter("lost");
      return connection.wake();
    }
    this.#isReused = grant === this.#grant;
    this.#freshGrant = void 0;
    this.#grant = grant;
    this.#enter("subscribing");
    const { target, since } = this;
    connection.send({ kind: "sub", ref: this.#ref, data: grant.token, ...target, since });
    this.#cancelTimer = deadline(timing.confirm, () => this.#unconfirmed(connection));
  }
  /** A network that lets nothing through is the connection's matter, a server that is slow this one's. */
  #unconfirmed(connection) {
    const reason = "it did not confirm the subscription in time";
    if (connection.isProven) {
      const { channel } = this.target;
      const message = `Could not subscribe to the channel "${channel}": the server did not confirm it in time`;
      connection.send({ kind: "unsub", ref: this.#ref });
      this.#part();
      return this.#tryAgain(new ConnectionError(message, { fatal: false }));
    }
    connection.giveUp(reason);
  }
  /** A token may lead to another server than the one before. */
  #join(grant) {
    const { apiBaseUrl = grant.apiBaseUrl, transport, WebSocket: WebSocket2 } = this.#settings;
    const options = { apiBaseUrl, transport, WebSocket: WebSocket2 };
    const connection = sharedConnection(options, this.#connection);
    if (connection !== this.#connection) {
      this.#part();
      this.#connection = connection;
      this.#ref = connection.join(this);
    }
    return connection;
  }
  #ready(frame) {
    this.#reading.begin(frame);
    this.#backoff.reset();
    this.#hasLatestSession = false;
    if (this.#stage !== "standing") {
      this.#enter("standing");
    }
    this.events.onReady(frame);
    this.#setStatus("open");
  }
  /** Another token, before the one that the server has ends. Until then it is tried again and again. */
  #renew() {
    if (this.#stage !== "standing") {
      return;
    }
    const epoch = this.#epoch;
    void this.#nextGrant().then(
      (grant) => {
        if (epoch === this.#epoch) {
          this.#sendRenewal(grant);
        }
      },
      (cause) => {
        if (epoch === this.#epoch) {
          this.#renewLater(asConnectionError(cause));
        }
      }
    );
  }
  #sendRenewal(grant) {
    if (this.#connection?.isFixed === true) {
      return this.#subscribe(grant);
    }
    this.#grant = grant;
    this.#connection?.send({ kind: "renew", ref: this.#ref, data: grant.token });
  }
  #notRenewed({ code, message }) {
    if (this.#stage === "standing" && code !== "not_subscribed") {
      const reason = `The token of the channel "${this.target.channel}" was not renewed: ${message}`;
      this.#renewLater(new ConnectionError(reason, { fatal: false, code }));
    }
  }
  #renewLater({ message, code, cause }) {
    const error = new ConnectionError(message, { fatal: false, code, cause });
    const epoch = this.#epoch;
    this.events.onError(error);
    if (epoch === this.#epoch) {
      this.#wait(() => this.#renew());
    }
  }
  #unsubscribed(code) {
    if (this.#stage !== "standing" && this.#stage !== "subscribing") {
      return;
    }
    if (this.#grant?.renewable === true && this.#settings.reconnect !== false) {
      return void this.#ask();
    }
    this.onEnd(new ConnectionError(endOfToken(code), { fatal: true, code }));
  }
  #refused(frame) {
    const isSession = this.#grant !== void 0 && this.#grant.token === void 0;
    if (isSession && frame.code === "unauthorized" && !this.#hasLatestSession) {
      this.#hasLatestSession = true;
      return this.#connection?.giveUp("the session may be another one by now");
    }
    const error = refusal(frame, this.target.channel, this.#grant);
    return this.#isReused && this.#grant?.renewable === true && !error.fatal ? void this.#ask() : this.#tryAgain(error);
  }
  #tryAgain(error) {
    if (error.fatal || this.#settings.reconnect === false) {
      return this.onEnd(asFatal(error));
    }
    this.#enter("asking");
    const epoch = this.#epoch;
    this.#setStatus("connecting");
    this.events.onError(error);
    if (epoch === this.#epoch) {
      this.#wait(() => void this.#ask());
    }
  }
  #wait(action) {
    this.#clearTimer();
    this.#waiting = action;
    const timer = setTimeout(() => {
      this.#waiting = void 0;
      action();
    }, this.#backoff.next(this.waits));
    this.#cancelTimer = () => clearTimeout(timer);
  }
  #enter(stage) {
    this.#epoch += 1;
    this.#stage = stage;
    this.#clearTimer();
  }
  #clearTimer() {
    this.#cancelTimer();
    this.#waiting = void 0;
  }
  #setStatus(status) {
    if (status !== this.#status) {
      this.#status = status;
      this.events.onStatus(status);
    }
  }
  #leave() {
    const isHeld = this.#stage === "standing" || this.#stage === "subscribing";
    this.#enter("out");
    this.#freshGrant = void 0;
    if (isHeld) {
      this.#connection?.send({ kind: "unsub", ref: this.#ref });
    }
    this.#part();
  }
  #part() {
    this.#connection?.leave(this.#ref);
    this.#connection = void 0;
  }
};

// src/queue.ts
var Queue = class {
  #values = [];
  #takers = [];
  #isEnded = false;
  #error;
  get size() {
    return this.#values.length;
  }
  push(value) {
    if (this.#isEnded) {
      return;
    }
    const taker = this.#takers.shift();
    if (taker === void 0) {
      this.#values.push(value);
    } else {
      taker.resolve(value);
    }
  }
  /** The next value; undefined after the end. Rejects once with the error that ended it. */
  async take() {
    const value = this.#values.shift();
    if (value !== void 0) {
      return value;
    }
    if (!this.#isEnded) {
      return new Promise((resolve, reject) => this.#takers.push({ resolve, reject }));
    }
    const error = this.#error;
    this.#error = void 0;
    if (error !== void 0) {
      throw error;
    }
    return void 0;
  }
  /** No more values will come; those that are here can still be taken. */
  end(error) {
    if (this.#isEnded) {
      return;
    }
    this.#isEnded = true;
    const [first, ...others] = this.#takers;
    this.#takers = [];
    if (first !== void 0 && error !== void 0) {
      first.reject(error);
    } else {
      this.#error = error;
      first?.resolve(void 0);
    }
    for (const taker of others) {
      taker.resolve(void 0);
    }
  }
  /** Ends and forgets what was not taken. */
  clear() {
    this.#values = [];
    this.#error = void 0;
    this.end();
  }
};

// src/text-streams.ts
var TextStreams = class {
  constructor(onAwaited) {
    this.onAwaited = onAwaited;
  }
  onAwaited;
  #open = /* @__PURE__ */ new Map();
  get isAnyAwaited() {
    return [...this.#open.values()].some(({ isAwaited }) => isAwaited);
  }
  begin(head, streamId) {
    const stream = new TextStream(head, this.onAwaited);
    this.#open.set(streamId, stream);
    return { ...head, data: stream.readable };
  }
  write(text, streamId) {
    this.#open.get(streamId)?.write(text);
  }
  end(streamId, failure) {
    this.#open.get(streamId)?.end(failure);
    this.#open.delete(streamId);
  }
  /** Ends all that are open. */
  fail(failure) {
    for (const streamId of [...this.#open.keys()]) {
      this.end(streamId, failure);
    }
  }
};
var TextStream = class {
  constructor(head, onAwaited) {
    this.head = head;
    this.readable = new ReadableStream(
      {
        start: (controller) => {
          this.#controller = controller;
        },
        pull: () => {
          this.isAwaited = true;
          this.#give();
          if (this.isAwaited) {
            onAwaited();
          }
        },
        cancel: () => {
          this.#isCancelled = true;
          this.#unread = [];
        }
      },
      { highWaterMark: 0 }
    );
  }
  head;
  readable;
  #controller;
  #unread = [];
  #end;
  #isCancelled = false;
  /** Whether someone waits for more text. */
  isAwaited = false;
  write(text) {
    if (!this.#isCancelled) {
      this.#unread.push(text);
      this.#give();
    }
  }
  end(failure) {
    const { channel, topic, id } = this.head;
    this.#end = () => failure === void 0 ? this.#controller.close() : this.#controller.error(new TextStreamError(channel, topic, id, failure.reason, failure.why));
    this.#give();
  }
  #give() {
    if (!this.isAwaited || this.#isCancelled) {
      return;
    }
    const text = this.#unread.shift();
    if (text !== void 0) {
      this.isAwaited = false;
      this.#controller.enqueue(text);
    } else if (this.#end !== void 0) {
      this.isAwaited = false;
      this.#end();
    }
  }
};

// src/subscription.ts
var driftsWarnedOf = /* @__PURE__ */ new Set();
var LiveSubscription = class {
  confirmed;
  closed;
  #options;
  #bufferLimit;
  #link;
  #delivery;
  #queue = new Queue();
  #texts = new TextStreams(() => this.#resumeWhenRead());
  /** A retry fails as the one before did; saying so once is enough. */
  #warnedOf = /* @__PURE__ */ new Set();
  #connectionStatus = "idle";
  #gap = null;
  #position;
  /** What stands last in the queue where that is no more than a position, which may still move on. */
  #lastPosition;
  #isFull = false;
  #isEnded = false;
  #isClosed = false;
  #confirm;
  #refuse;
  #settleClosed;
  constructor(options) {
    this.#options = withIsolatedHandlers(options);
    this.#bufferLimit = Math.max(1, options.bufferLimit ?? 1e4);
    this.confirmed = new Promise((resolve, reject) => {
      this.#confirm = resolve;
      this.#refuse = reject;
    });
    this.closed = new Promise((resolve) => {
      this.#settleClosed = resolve;
    });
    this.#delivery = this.#createDelivery();
    this.#link = this.#createLink();
    options.signal?.addEventListener("abort", this.#abort, { once: true });
    this.#open();
  }
  get connectionStatus() {
    return this.#connectionStatus;
  }
  get gap() {
    return this.#gap;
  }
  get position() {
    return this.#position ?? this.#options.since ?? "now";
  }
  close() {
    this.#isClosed = true;
    this.#link.close();
    this.#queue.clear();
    this.#end(null);
  }
  unsubscribe() {
    this.close();
  }
  async next() {
    for (; ; ) {
      const item = await this.#queue.take();
      this.#resumeWhenRead();
      if (item === void 0 || this.#isClosed) {
        return { done: true, value: void 0 };
      }
      if ("position" in item) {
        this.#position = item.position;
        this.#lastPosition = item === this.#lastPosition ? void 0 : this.#lastPosition;
      }
      if ("message" in item) {
        return { done: false, value: item.message };
      }
      this.#tell(item);
    }
  }
  return() {
    this.close();
    return Promise.resolve({ done: true, value: void 0 });
  }
  [Symbol.asyncIterator]() {
    return this;
  }
  /** The callback form: one call is awaited before the next, so that order is kept. */
  deliverTo(onMessage) {
    void this.#deliverAll(onMessage).catch((cause) => {
      const error = asError(cause);
      this.#stop(error);
      if (this.#options.onError === void 0) {
        throw error;
      }
      this.#options.onError(error);
    });
  }
  async #deliverAll(onMessage) {
    for (; ; ) {
      const { done, value } = await this.next();
      if (done === true) {
        return;
      }
      try {
        await onMessage(value);
      } catch (error) {
        if (this.#options.onError === void 0) {
          throw error;
        }
        this.#options.onError(asError(error));
      }
    }
  }
  #tell(item) {
    const { onGap, onRun, onInvalid = this.#options.onError } = this.#options;
    if ("gap" in item) {
      this.#gap = item.gap;
      onGap?.(item.gap);
    } else if ("run" in item) {
      onRun?.(item.run);
    } else if (!("invalid" in item)) {
      return;
    } else if (onInvalid !== void 0) {
      onInvalid(item.invalid);
    } else {
      this.#stop(item.invalid);
      throw item.invalid;
    }
  }
  #createDelivery() {
    const { channel, topics, validate: validate2 = true } = this.#options;
    return new Delivery(channel, topics, { validate: validate2 }, {
      onMessage: (message, position) => this.#push({ message, position }),
      onStream: (head, streamId, position) => this.#push({ message: this.#texts.begin(head, streamId), position }),
      onText: (text, streamId, position) => {
        this.#texts.write(text, streamId);
        this.#passed(position);
      },
      onStreamEnd: (streamId, failure, position) => {
        this.#texts.end(streamId, failure);
        this.#passed(position);
      },
      onGap: (gap) => this.#push({ gap }),
      onRun: (run, position) => this.#push({ run, position }),
      onInvalid: (invalid, position) => this.#push({ invalid, position })
    });
  }
  #push(item) {
    this.#lastPosition = void 0;
    this.#queue.push(item);
  }
  /** Something has gone past the queue; whoever is handed out all that stands in it is here. */
  #passed(position) {
    if (this.#lastPosition !== void 0) {
      this.#lastPosition.position = position;
    } else if (this.#queue.size === 0) {
      this.#position = position;
    } else {
      this.#lastPosition = { position };
      this.#queue.push(this.#lastPosition);
    }
  }
  #createLink() {
    const { channel, topics, since, onError } = this.#options;
    const name = typeof channel === "string" ? channel : channel.name;
    return new Link({ channel: name, topics }, since, {
      onFrame: (frame, cursor) => {
        this.#delivery.accept(frame, cursor);
        this.#pauseWhenFull();
      },
      onReady: (frame) => {
        this.#position ??= frame.position;
        this.#compare(frame);
      },
      onStatus: (status) => {
        this.#connectionStatus = status;
        if (status === "open") {
          this.#confirm();
        }
      },
      onError: (error) => {
        if (onError !== void 0) {
          onError(error);
        } else {
          warnOnce(this.#warnedOf, error.message, `${error.message} (channel "${name}")`);
        }
      },
      onEnd: (error) => {
        this.#refuse(error);
        this.#delivery.accept(() => {
          this.#queue.end(error);
          this.#end(error);
        });
      }
    });
  }
  #open() {
    const { token: token2, key } = this.#options;
    this.#link.open({ ...this.#options, token: token2 ?? key });
  }
  #pauseWhenFull() {
    const isFull = this.#queue.size + this.#delivery.pending >= this.#bufferLimit;
    if (!this.#isFull && isFull && !this.#texts.isAnyAwaited) {
      this.#isFull = true;
      this.#link.pause();
    }
  }
  #resumeWhenRead() {
    const isRead = this.#queue.size + this.#delivery.pending <= this.#bufferLimit / 2;
    if (this.#isFull && (isRead || this.#texts.isAnyAwaited)) {
      this.#isFull = false;
      this.#open();
    }
  }
  #compare(frame) {
    const drift = findDrift(this.#options.channel, frame);
    if (drift === void 0) {
      return;
    }
    if (this.#options.onDrift !== void 0) {
      this.#options.onDrift(drift);
    } else {
      const { expected, received } = drift;
      warnOnce(driftsWarnedOf, `${expected} ${received}`, describeDrift(drift));
    }
  }
  #abort = () => {
    this.#refuse(this.#options.signal?.reason);
    this.close();
  };
  #stop(error) {
    if (!this.#isEnded) {
      this.#link.close();
      this.#queue.clear();
      this.#end(error);
    }
  }
  #end(error) {
    this.#isEnded = true;
    this.#isFull = false;
    this.#texts.fail({ reason: "closed", why: "the subscription has ended" });
    this.#options.signal?.removeEventListener("abort", this.#abort);
    this.#settleClosed(error);
  }
};
function withIsolatedHandlers(options) {
  const { onGap, onRun, onInvalid, onError, onDrift } = options;
  return {
    ...options,
    onGap: onGap && isolated(onGap),
    onRun: onRun && isolated(onRun),
    onInvalid: onInvalid && isolated(onInvalid),
    onError: onError && isolated(onError),
    onDrift: onDrift && isolated(onDrift)
  };
}
function warnOnce(warnedOf, key, message) {
  if (!warnedOf.has(key)) {
    warnedOf.add(key);
    console.warn(`fanfare: ${message}`);
  }
}
function asError(error) {
  return error instanceof Error ? error : new Error(String(error));
}

// src/subscribe.ts
async function subscribe(options, callback) {
  options.signal?.throwIfAborted();
  const subscription2 = new LiveSubscription(options);
  await subscription2.confirmed;
  const onMessage = options.onMessage ?? callback;
  if (onMessage !== void 0) {
    subscription2.deliverTo(onMessage);
  }
  return subscription2;
}

// test/suspended-client.ts
var { url, token, block } = JSON.parse(process.argv[2] ?? "");
Object.assign(timing, { open: 300, confirm: 300, token: 300, probe: 300, firstAlive: 300 });
function blockSoon(when) {
  if (block === when) {
    setImmediate(() => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 800));
  }
}
var Socket = class extends WebSocket {
  constructor(address, protocols) {
    super(address, protocols);
    blockSoon("opening");
  }
  send(data) {
    super.send(data);
    blockSoon(data.includes('"sub"') ? "subscribing" : "asking");
  }
};
var print = (value) => console.log(JSON.stringify(value));
var subscription = await subscribe({
  channel: "pipeline:run_42",
  token: async () => {
    const file = readFile(import.meta.filename);
    blockSoon("fetching a token");
    await file;
    return token;
  },
  apiBaseUrl: url,
  WebSocket: Socket,
  reconnectMinMs: 5,
  reconnectMaxMs: 20,
  onError: ({ message }) => print({ error: message }),
  onMessage: ({ data }) => print({ data })
});
print({ open: true });
createInterface(process.stdin).on("close", () => subscription.close());
