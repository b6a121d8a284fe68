import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Command, fanfare, parse } from "./support/command-line.js";
import { Demo } from "./support/demo.js";
import { program } from "./support/paths.js";
import { Server } from "./support/server.js";
import { hasTmux, Terminal } from "./support/terminal.js";
import { until } from "./support/wait.js";

interface Frame {
  readonly kind: string;
  readonly topic?: string;
  readonly id: string;
  readonly data: unknown;
}

const TEXT = "# Rivers\n\nRivers flow. Rivers end in the sea. The sea is wide. Boats cross the wide sea.";

let demo: Demo;

beforeAll(async () => {
  demo = await Demo.start(50);
});

afterAll(async () => {
  await demo?.stop();
});

/** Starts a run, and returns its id. */
async function start(server: Demo, text = TEXT): Promise<string> {
  const response = await fetch(`${server.url}/runs`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ text }),
  });
  return ((await response.json()) as { runId: string }).runId;
}

/** Starts a run, and waits until it asks for a verdict. */
async function startAndWait(): Promise<string> {
  const run = await start(demo);
  await waitUntilAsking(run);
  return run;
}

/** Waits until a run asks for a verdict. A verdict that arrives earlier is kept, not accepted. */
async function waitUntilAsking(run: string): Promise<void> {
  await until(`${run} asks`, async () => {
    const { stdout } = await fanfare(demo, ["runs", "show", run]);
    return (JSON.parse(stdout) as { activity?: string }).activity === "waiting";
  });
}

const approve = (run: string, ...more: string[]) =>
  fanfare(demo, ["signal", `pipeline:${run}`, "approve", '{"verdict":"approve"}', ...more]);

test("tail prints every frame of a run until it is interrupted, and signal answers its question", async () => {
  const run = await start(demo);
  const tail = new Command(demo, ["tail", `pipeline:${run}`, "--since", "start"]);
  const has = (part: object) => () => tail.lines<Frame>().some((frame) => covers(frame, part));
  await until("the run asks", has({ kind: "run", data: { waitingFor: ["approve"] } }));

  const accepted = await approve(run, "--as", "ada");
  expect(JSON.parse(accepted.stdout)).toMatchObject({ run_id: run, status: "accepted" });
  expect(accepted.code).toBe(0);
  const again = await approve(run);
  expect(JSON.parse(again.stdout)).toMatchObject({ status: "already_taken", by: "ada" });
  expect(again.code).toBe(3);
  expect(again.stderr).toMatch(/^error: the run already has an answer: ada sent "approve"\n$/u);

  await until("the run completes", has({ kind: "run", data: { status: "completed" } }));
  const ended = await tail.interrupt();
  expect([ended.code, ended.stderr]).toEqual([0, ""]);
  const frames = tail.lines<Frame>();
  expect(frames.map(({ id }) => id)).toEqual(frames.map(({ id }) => id).sort());
  const draft = frames.filter(({ kind }) => kind === "chunk").map(({ data }) => data);
  expect(frames.find((frame) => covers(frame, { topic: "summary", data: { summary: draft.join("") } }))).toBeDefined();

  const few = await fanfare(demo, ["tail", `pipeline:${run}`, "--since", "start", "--topic", "status", "-n", "3"]);
  expect(parse<Frame>(few.stdout).map(({ kind }) => kind)).toEqual(["run", "data", "data"]);
  const later = await fanfare(demo, ["tail", `pipeline:${run}`, "--since", frames.at(-2)?.id ?? "", "--no-follow"]);
  expect(parse<Frame>(later.stdout)).toEqual(frames.slice(-1));
  const recent = await fanfare(demo, ["tail", `pipeline:${run}`, "--since", "1h", "--no-follow"]);
  expect(essence(parse(recent.stdout))).toEqual(essence(frames));
});

test("tail resumes after the server was killed", async () => {
  const own = await Demo.start(20);
  try {
    const tail = new Command(own, ["tail", "system"]);
    await until("it is connected", () => tail.lines().length === 1);
    await own.kill();
    await until("it notices", () => tail.stderr.includes("connection lost"));
    await own.restart();
    await until("it is connected again", () => tail.stderr.includes("connected again"));
    await until("it has the next notice", () => tail.lines().length === 2);
    expect((await tail.interrupt()).code).toBe(0);
  } finally {
    await own.stop();
  }
});

test("tail reports messages that are gone", async () => {
  const server = await Server.start();
  try {
    const id = await server.status("run_gap", "first");
    await server.tokens("run_gap", { count: 1200 });
    const args = ["tail", "pipeline:run_gap", "--topic", "status", "--topic", "tokens", "--since", id, "--no-follow"];
    const { code, stdout, stderr } = await fanfare(server, args);
    expect([code, stderr]).toEqual([0, ""]);
    const [gap, ...rest] = parse<Frame>(stdout);
    expect(gap).toMatchObject({ kind: "gap", after: id, before: rest[0]?.id });
    expect(gap).not.toHaveProperty("ref");
    expect(rest).toHaveLength(1000);

    const unnamed = await fanfare(server, ["tail", "pipeline:run_gap"]);
    expect(unnamed.code).toBe(2);
    expect(unnamed.stderr).toMatch(/has no admin routes\nhelp: name the topics with `--topic`/u);
    const token = (await fanfare(server, ["token", "--subscribe", "pipeline:run_gap/status"])).stdout.trim();
    const granted = await fanfare(server, ["tail", "pipeline:run_gap", "--token", token, "--no-follow"]);
    expect(parse<Frame>(granted.stdout).map(({ topic }) => topic)).toEqual(["status"]);
    const short = await fanfare(server, ["token", "--subscribe", "pipeline:run_gap/status", "--expires-in", "8s"]);
    const expired = await fanfare(server, ["tail", "pipeline:run_gap", "--token", short.stdout.trim()]);
    expect([expired.code, parse(expired.stdout).length]).toEqual([2, 1]);
    expect(expired.stderr).toContain("refuses the token for this request\nhelp: `fanfare token decode` shows");
  } finally {
    await server.stop();
  }
});

test("a reader that leaves ends tail without an error", async () => {
  const run = await startAndWait();
  const script = `set -o pipefail; ${program("fanfare")} tail pipeline:${run} --since start | head -1`;
  const { code, stdout, stderr } = await new Command(demo, ["-c", script], "", "bash").ended;
  expect([code, stderr, parse(stdout).length]).toEqual([0, "", 1]);
});

test("publish takes a payload from an argument, a file or a pipe, and lists every issue of an invalid one", async () => {
  const folder = await mkdtemp(join(tmpdir(), "fanfare-publish-"));
  const payload = JSON.stringify({ message: "Hello", step: "write", progress: 10 });
  const file = join(folder, "status.json");
  await writeFile(file, payload);
  const publish = (args: readonly string[], input = "") =>
    fanfare(demo, ["publish", "pipeline:run_p", "status", ...args], input);
  try {
    const all = [await publish([payload]), await publish([`@${file}`]), await publish(["-"], payload), await publish([], payload)];
    expect(all.map(({ code }) => code)).toEqual([0, 0, 0, 0]);
    const ids = all.map(({ stdout }) => (JSON.parse(stdout) as { id: string }).id);
    expect(ids).toEqual([...new Set(ids)].sort());
    const once = ["--idempotency-key", "k", "--run-id", "run_p", payload];
    expect((await publish(once)).stdout).toBe((await publish(once)).stdout);
  } finally {
    await rm(folder, { recursive: true });
  }
  const tail = await fanfare(demo, ["tail", "pipeline:run_p", "--since", "start", "--no-follow"]);
  expect(parse(tail.stdout)).toHaveLength(5);

  const invalid = await publish(['{"message":"","step":"write","progress":101}']);
  expect(invalid.code).toBe(1);
  expect(invalid.stderr).toContain("\n  /message must have at least 1 character, got \"\"\n  /progress must be at most 100, got 101\n");
  expect(JSON.parse(invalid.stdout)).toMatchObject({ status: "invalid", issues: [{ path: "/message" }, { path: "/progress" }] });
  expect(await publish(["{]"])).toMatchObject({ code: 1, stderr: expect.stringContaining("line 1 column 2") as string });
  const signal = await fanfare(demo, ["signal", "pipeline:run_p", "approve", '{"verdict":"no"}']);
  expect(signal.stderr).toContain('\n  /verdict must be one of "approve", "edit", "reject", got "no"\n');
});

test("publish writes the standard input to a topic of text streams", async () => {
  const text = "The sea is wide. 漢字\n".repeat(5000);
  const written = await fanfare(demo, ["publish", "pipeline:run_t", "draft", "--stream"], text);
  expect([written.code, written.stderr]).toEqual([0, ""]);
  const tail = await fanfare(demo, ["tail", "pipeline:run_t", "--since", "start", "--no-follow"]);
  const frames = parse<Frame>(tail.stdout);
  expect(frames.at(-1)).toMatchObject({ kind: "datastream-end", id: (JSON.parse(written.stdout) as Frame).id });
  expect(essence(frames)).toEqual([[frames[0]?.id, frames.at(-1)?.id], text]);

  const payload = await fanfare(demo, ["publish", "pipeline:run_t", "draft", '"text"']);
  expect(payload.code).toBe(1);
  expect(payload.stderr).toContain("\nhelp: pass `--stream`, and the text on the standard input\n");
  const wrong = await fanfare(demo, ["publish", "pipeline:run_t", "status", "--stream"], "text");
  expect(wrong.code).toBe(1);
  expect(wrong.stderr).toContain("carries payloads");
});

test("runs are listed, shown, cancelled and repeated", async () => {
  const runs = [await startAndWait(), await startAndWait(), await startAndWait()];
  const ids = (text: string) => parse<{ run_id: string }>(text).map(({ run_id }) => run_id);
  const waiting = await fanfare(demo, ["runs", "ls", "--job", "summarise", "--activity", "waiting", "--limit", "2"]);
  expect(ids(waiting.stdout)).toEqual([runs[2], runs[1]]);
  expect(waiting.stderr).toBe("there are more runs: list them with `--limit 20`\n");
  const [run = ""] = runs;
  const one = await fanfare(demo, ["runs", "ls", "--channel", `pipeline:${run}`, "--since", "1h", "--state", "running,failed"]);
  expect(ids(one.stdout)).toEqual([run]);
  expect(await fanfare(demo, ["runs", "ls", "--until", "1h"])).toEqual({ code: 0, stdout: "", stderr: "" });

  const shown = JSON.parse((await fanfare(demo, ["runs", "show", run])).stdout) as { calls: { call: string; kind: string }[] };
  expect(shown).toMatchObject({ run_id: run, state: "running", input: { text: TEXT }, signals: [] });
  expect(shown.calls.at(-1)).toMatchObject({ kind: "wait", question: { signals: ["approve"] } });

  const outcome = async (...args: string[]) => {
    const { code, stdout, stderr } = await fanfare(demo, ["runs", ...args]);
    return [code, stdout === "" ? stderr.split(":")[0] : (JSON.parse(stdout) as { outcome: string }).outcome];
  };
  expect(await outcome("retry", run)).toEqual([0, "unfinished"]);
  expect(await outcome("wake", run)).toEqual([1, "error"]);
  expect(await outcome("cancel", run)).toEqual([0, "cancelled"]);
  expect(await outcome("cancel", run)).toEqual([0, "already_ended"]);
  expect(await outcome("retry", run)).toEqual([1, "error"]);
  expect(await outcome("show", "run_none")).toEqual([1, "error"]);
  const rerun = ["rerun", run, "--from", String(shown.calls.at(-2)?.call), "--new-run-id", `${run}x`];
  expect(await outcome(...rerun)).toEqual([0, "new"]);
  expect(await outcome(...rerun)).toEqual([0, "existing"]);
  await waitUntilAsking(`${run}x`);
  expect((await approve(run, "--run-id", `${run}x`)).stdout).toContain('"accepted"');

  const failed = runs[1] ?? "";
  await fanfare(demo, ["signal", `pipeline:${failed}`, "approve", '{"verdict":"reject"}']);
  await until("the run fails", async () => (await fanfare(demo, ["runs", "show", failed])).stdout.includes('"state":"failed"'));
  expect(await outcome("retry", failed)).toEqual([0, "retried"]);
  await approve(runs[2] ?? "");
  const woken = { code: 0, stdout: '{"woken":1}\n' };
  await until("the run sleeps", async () => covers(await fanfare(demo, ["runs", "wake", runs[2] ?? ""]), woken));

  const token = (await fanfare(demo, ["token", "--admin"])).stdout.trim();
  expect((await fanfare(demo, ["runs", "ls", "--token", token, "-n", "1"])).code).toBe(0);
  expect(await fanfare(demo, ["tail", "system", "--token", token])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("refuses the token") as string,
  });
});

test("control characters of a payload are escaped", async () => {
  const text = "a\u001B[31m\u009B2J\u007F\u202Eb";
  const notice = JSON.stringify({ level: "info", text });
  expect((await fanfare(demo, ["publish", "system", "notice", notice])).code).toBe(0);
  const { stdout } = await fanfare(demo, ["tail", "system", "--no-follow"]);
  expect(stdout).not.toMatch(/[\u0000-\u0009\u000B-\u001F\u007F-\u009F\u202E]/u);
  expect(parse<Frame>(stdout).at(-1)).toMatchObject({ data: { text } });
});

describe.skipIf(!hasTmux())("in a terminal", () => {
  test("a text grows on one line while it is written, and Ctrl-C ends tail", async () => {
    const slow = await Demo.start(300);
    try {
      const run = await start(slow);
      const terminal = await Terminal.open(slow);
      await terminal.type("tail", `pipeline:${run}`, "--since", "start", "--topic", "draft");
      const first = await terminal.shows(/draft {6}Rivers/u);
      await terminal.shows(/waits for approve \(question /u);
      const whole = await terminal.text();
      const line = (text: string) => text.split("\n").find((each) => each.includes("draft     ")) ?? "";
      expect(line(whole).startsWith(line(first).trimEnd())).toBe(true);
      expect(line(first).trimEnd().length).toBeLessThan(line(whole).trimEnd().length);
      expect(line(whole)).toMatch(/^\d\d:\d\d:\d\d\.\d{3} {2}draft {6}Rivers .*\.$/u);
      expect(await terminal.colours()).toContain("\u001B[36mdraft");
      await terminal.press("C-c");
      await terminal.ends(0);
    } finally {
      await slow.stop();
    }
  });

  test("runs are columns, cut to the width of the terminal, with colours unless NO_COLOR is set", async () => {
    const run = await startAndWait();
    const terminal = await Terminal.open(demo);
    await terminal.type("runs", "ls", "-n", "1");
    const list = await terminal.ends(0);
    expect(list).toMatch(/^RUN +JOB +CHANNEL +STATE +AGE +TOOK$/mu);
    expect(list).toMatch(new RegExp(`^${run} +summarise +pipeline:\\S+ +\\? waiting +[\\d.]+m?s +for approve$`, "mu"));
    expect(await terminal.colours()).toMatch(/\u001B\[35m\? waiting/u);

    await terminal.type("runs", "show", run);
    const details = await terminal.ends(0);
    expect(details).toMatch(/^● +\d+ +wait +approve +\+[\d.]+m?s +waits for approve until /mu);
    expect(Math.max(...details.split("\n").map((line) => line.length))).toBeLessThanOrEqual(100);

    const plain = await Terminal.open(demo, { NO_COLOR: "1" });
    await plain.type("runs", "ls");
    await plain.ends(0);
    expect(await plain.colours()).not.toContain("\u001B[");
  });

  test("signal and publish answer with a sentence, and issues have a line each", async () => {
    const run = await startAndWait();
    const terminal = await Terminal.open(demo);
    await terminal.type("signal", `pipeline:${run}`, "approve", '{"verdict":"approve"}');
    expect(await terminal.ends(0)).toContain(`accepted by run ${run}\n`);
    await terminal.type("publish", `pipeline:${run}`, "status", '{"message":"x","step":"y","progress":-1}');
    expect(await terminal.ends(1)).toMatch(/^ {2}\/progress must be at least 0, got -1$/mu);
    await terminal.type("publish", "system", "notice", '{"level":"info","text":"\\u009b31m"}');
    expect(await terminal.ends(0)).toMatch(/^published \S+$/mu);
    await terminal.type("tail", "system", "--no-follow");
    expect(await terminal.ends(0)).toContain('"text":"\\u009b31m"');
    await terminal.type("token", "decode", (await fanfare(demo, ["token", "--admin"])).stdout.trim());
    expect(await terminal.ends(0)).toMatch(/^signature +valid$/mu);
  });
});

/** Returns whether a value has all members of a part. */
function covers(value: unknown, part: unknown): boolean {
  if (typeof part !== "object" || part === null) {
    return value === part;
  }
  const members = Object.entries(part);
  return typeof value === "object" && value !== null && members.every(([key, each]) => covers((value as Record<string, unknown>)[key], each));
}

/** The ids of messages, and the text in all chunks: a server may send several chunks as one to clients that read later. */
function essence(frames: readonly Frame[]): unknown {
  const chunks = frames.filter(({ kind }) => kind === "chunk");
  return [frames.filter(({ kind }) => kind !== "chunk").map(({ id }) => id), chunks.map(({ data }) => data).join("")];
}
