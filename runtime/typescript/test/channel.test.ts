import { describe, expect, it } from "vitest";
import * as z from "zod";
import { defineChannel, ParamError } from "../src/index.js";
import { pipeline, system } from "./pipeline.js";

const files = defineChannel({
  name: "files",
  address: "files:{owner}/{path}",
  fingerprint: "00",
  params: { owner: z.string(), path: z.string() },
  topics: { changed: { payload: z.string() } },
});

describe("a channel", () => {
  it("has the name of its address and params", () => {
    expect(pipeline({ runId: "run_42" }).name).toBe("pipeline:run_42");
    expect(system.name).toBe("system");
  });

  it("encodes params so that no two channels have the same name", () => {
    expect(files({ owner: "a/b", path: "c" }).name).toBe("files:a%2Fb/c");
    expect(files({ owner: "a", path: "b/c" }).name).toBe("files:a/b%2Fc");
    expect(files({ owner: "A-z_0.~", path: "é 😀!'()*%" }).name).toBe(
      "files:A-z_0.~/%C3%A9%20%F0%9F%98%80%21%27%28%29%2A%25",
    );
  });

  it("rejects params that are invalid by its definition", () => {
    expect(() => pipeline({ runId: "run 42" })).toThrow(ParamError);
    expect(() => pipeline({} as { runId: string })).toThrow(/param "runId" is invalid/);
    expect(() => files({ owner: "", path: "x" })).toThrow(/must not be empty/);
    expect(() => files({ owner: "\ud800", path: "x" })).toThrow(/surrogate/);
  });

  it("looks like a channel of Inngest's SDK", () => {
    const channel = pipeline({ runId: "run_42" });
    expect(Object.keys(channel).toSorted()).toEqual(["name", "status", "tokens", "topics", "total"]);
    expect(channel.status).toEqual({
      channel: "pipeline:run_42",
      topic: "status",
      config: channel.topics.status,
    });
    expect(channel.topics.status.schema["~standard"].vendor).toBe("zod");
    expect(channel.topics.status.retain).toBe("last");
    expect(pipeline.topics).toBe(channel.topics);
  });

  it("can have topics of text streams, and still looks like a channel of Inngest's SDK", () => {
    const stories = defineChannel({
      name: "stories",
      address: "stories",
      fingerprint: "00",
      topics: { draft: { stream: "text", retain: "last" }, notes: { stream: "text" } },
    });
    const { draft, notes } = stories.topics;
    expect(draft).toEqual({ schema: draft.schema, stream: "text", retain: "last" });
    expect(notes).toEqual({ schema: notes.schema, stream: "text" });
    expect(stories.draft).toEqual({ channel: "stories", topic: "draft", config: draft });
    const { version, vendor, validate } = draft.schema["~standard"];
    expect([version, vendor]).toEqual([1, "fanfare"]);
    expect(validate("Once upon a time")).toEqual({ value: "Once upon a time" });
    expect(validate(7)).toEqual({ issues: [{ message: "must be a string" }] });
  });

  it("gives access to its signals, and still looks like a channel of Inngest's SDK", () => {
    const verdict = z.enum(["approve", "reject"]);
    const result = z.object({ text: z.string() });
    const reviews = defineChannel({
      name: "reviews",
      address: "reviews:{id}",
      fingerprint: "00",
      params: { id: z.string() },
      topics: { status: { payload: z.string() } },
      signals: { approve: { payload: verdict } },
      result,
    });
    const review = reviews({ id: "7" });
    expect(review.approve).toEqual({ channel: "reviews:7", signal: "approve", schema: verdict });
    expect(review.$signals).toEqual({ approve: { schema: verdict } });
    expect(review.$result).toBe(result);
    expect(Object.keys(review).toSorted()).toEqual(["approve", "name", "status", "topics"]);
    expect(Object.keys(review.topics)).toEqual(["status"]);
    expect([system.$signals, system.$result]).toEqual([{}, undefined]);
  });

  it("is rejected if a topic and a signal have the same name", () => {
    const payload = z.string();
    expect(() =>
      defineChannel({
        name: "a",
        address: "a",
        fingerprint: "",
        topics: { b: { payload } },
        signals: { b: { payload } },
      }),
    ).toThrow(/"b" is both a topic and a signal/);
  });

  it("is rejected if its address and params differ", () => {
    const topics = {};
    expect(() => defineChannel({ name: "a", address: "a:{b}", fingerprint: "", topics })).toThrow(
      /which is not defined/,
    );
    const params = { b: z.string() };
    expect(() => defineChannel({ name: "a", address: "a", fingerprint: "", params, topics })).toThrow(
      /is not part of the address/,
    );
  });
});
