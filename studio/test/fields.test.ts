import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { newest, openForm, publishForm, publishText } from "./support/form.js";
import { type GoldenHub, GoldenServer } from "./support/server.js";
import { openStudio, startBrowser } from "./support/tab.js";

let golden: GoldenServer;
let browser: Browser;

beforeAll(async () => {
  [golden, browser] = await Promise.all([GoldenServer.start(), startBrowser()]);
});

afterAll(async () => {
  await browser?.close();
  await golden?.stop();
});

/** Edits a payload of a golden case by hand, publishes it, and compares what arrives. */
async function edit(
  golden: GoldenHub,
  page: Page,
  target: { readonly channel: string; readonly topic: string },
  change: (page: Page) => Promise<void>,
  expected: unknown,
): Promise<void> {
  await openForm(page, target);
  await page.getByText("Valid", { exact: true }).waitFor();
  await change(page);
  expect(await publishForm(page)).toEqual(expected);
  expect(await newest(golden, target.channel, target.topic)).toEqual(expected);
}

async function openCase(name: string): Promise<readonly [GoldenHub, Page]> {
  const hub = golden.hubs.find((candidate) => candidate.name === name)!;
  return [hub, await openStudio(browser, hub, "/publish")];
}

function add(page: Page, name: string) {
  return page.getByRole("button", { name, exact: true }).first().click();
}

function field(page: Page, name: string) {
  return page.getByLabel(name, { exact: true });
}

test("a union's alternative is chosen, and stays chosen while its value is not valid", async () => {
  const [hub, page] = await openCase("unions");
  const target = { channel: "unions", topic: "everything" };
  await edit(hub, page, target, async () => {
    await add(page, "width");
    await field(page, "Kind of width").selectOption('"auto"');
    await add(page, "inline");
    await field(page, "Kind of inline").selectOption("integer");
    // As a string, the text would be valid, too.
    await page.getByRole("textbox", { name: "inline" }).fill("12a");
    await page.getByText("This is not a number.").waitFor();
    expect(await field(page, "Kind of inline").inputValue()).toBe("1");
    await page.getByRole("button", { name: "Publish", exact: true }).click();
    await page.getByRole("textbox", { name: "inline" }).fill("12");
  }, { width: "auto", inline: 12 });
  await edit(hub, page, { channel: "unions", topic: "any" }, async () => {
    await field(page, "Kind of Payload").selectOption("object with name");
    await page.getByRole("textbox", { name: "name", exact: true }).fill("Ada");
  }, { name: "Ada" });
});

test("a tagged union's alternative is chosen by its tag", async () => {
  const [hub, page] = await openCase("tagged-unions");
  await edit(hub, page, { channel: "events", topic: "closed" }, async () => {
    await field(page, "Kind of Payload").selectOption("deleted");
    await add(page, "reason");
    await page.getByRole("textbox", { name: "reason" }).fill("Too old");
  }, { kind: "deleted", reason: "Too old" });
});

test("items are added to an array, edited and removed, and a tuple keeps its length", async () => {
  const [hub, page] = await openCase("collections");
  await edit(hub, page, { channel: "collections", topic: "list" }, async () => {
    for (const [at, text] of ["a", "b", "c"].entries()) {
      await add(page, "Add an item");
      await page.getByRole("textbox", { name: `Payload ${at + 1}` }).fill(text);
    }
    await field(page, "Remove Payload 1").click();
  }, ["b", "c"]);
  await edit(hub, page, { channel: "collections", topic: "pair" }, async () => {
    await page.getByRole("textbox", { name: "Payload 1" }).fill("one");
    await page.getByRole("textbox", { name: "Payload 2" }).fill("7");
    expect(await page.getByRole("button", { name: "Add an item" }).count()).toBe(0);
    expect(await page.getByRole("button", { name: "Remove Payload 2" }).count()).toBe(0);
  }, ["one", 7]);
});

test("members are added to a map, and their names must match a pattern", async () => {
  const [hub, page] = await openCase("collections");
  await edit(hub, page, { channel: "collections", topic: "map" }, async () => {
    await page.getByRole("textbox", { name: "Name of a new member" }).fill("__proto__");
    await page.keyboard.press("Enter");
    await page.getByRole("textbox", { name: "__proto__" }).fill("1.5");
  }, JSON.parse('{"__proto__":1.5}'));
  const [rules, rulesPage] = await openCase("rules");
  await edit(rules, rulesPage, { channel: "shop", topic: "labels" }, async (page) => {
    await page.getByRole("button", { name: /^Remove / }).first().click();
    const name = page.getByRole("textbox", { name: "Name of a new member" });
    await name.fill("z");
    expect(await page.getByRole("button", { name: "Add", exact: true }).isDisabled()).toBe(true);
    await name.fill("n-size");
    await add(page, "Add");
    await page.getByRole("textbox", { name: "n-size" }).fill("3");
  }, { "n-size": 3 });
});

test("optional members are added and removed, and nullable ones are null", async () => {
  const [hub, page] = await openCase("optional-and-nullable");
  await edit(hub, page, { channel: "presence", topic: "everything" }, async () => {
    await page.getByRole("textbox", { name: "required" }).fill("here");
    await field(page, "Kind of nullable").selectOption("null");
    await field(page, "Kind of nullablePlace").selectOption("object with city");
    await page.getByRole("textbox", { name: "city" }).fill("Paris");
    await add(page, "optional");
    await field(page, "Remove optional").click();
    await add(page, "optionalNullable");
    await field(page, "Kind of optionalNullable").selectOption("null");
    await add(page, "colour");
    await field(page, "colour").selectOption("null");
    await add(page, "anything");
    await page.getByRole("textbox", { name: "anything" }).fill('{"a": [1, true]}');
  }, {
    required: "here",
    nullable: null,
    nullablePlace: { city: "Paris" },
    nothing: null,
    optionalNullable: null,
    colour: null,
    anything: { a: [1, true] },
  });
});

test("formats and limits are checked by the server while the user types", async () => {
  const [hub, page] = await openCase("strings");
  await edit(hub, page, { channel: "strings", topic: "formatted" }, async () => {
    await page.getByRole("textbox", { name: /^Payload/ }).fill("not a uuid");
    await page.getByText("must be a valid uuid").waitFor();
    await page.getByRole("textbox", { name: /^Payload/ }).fill("123e4567-e89b-42d3-a456-426614174000");
  }, "123e4567-e89b-42d3-a456-426614174000");
  const [numbers, numbersPage] = await openCase("numbers");
  await edit(numbers, numbersPage, { channel: "numbers", topic: "percentage" }, async (page) => {
    await page.getByRole("textbox", { name: /^Payload/ }).fill("101");
    await page.getByText("must be at most 100").waitFor();
    await page.getByRole("textbox", { name: /^Payload/ }).fill("100");
  }, 100);
  await edit(numbers, numbersPage, { channel: "numbers", topic: "wide" }, async (page) => {
    await page.getByRole("textbox", { name: /^Payload/ }).fill("9223372036854775808");
    await page.getByText("Not valid", { exact: true }).waitFor();
    await page.getByRole("textbox", { name: /^Payload/ }).fill("9223372036854775807");
  }, "9223372036854775807");
});

test("enums are chosen from a list, and constants cannot be changed", async () => {
  const [hub, page] = await openCase("enums-and-consts");
  await openForm(page, { channel: "values", topic: "everything" });
  await page.getByText("Valid", { exact: true }).waitFor();
  expect(await page.getByRole("textbox", { name: "origin" }).isEditable()).toBe(false);
  await field(page, "step").selectOption("write");
  await add(page, "mixed");
  await field(page, "mixed").selectOption('{"a":1,"__proto__":2}');
  const origin = { x: 0, y: [0, null, 'a"b\\c'] };
  const expected = { version: 1, kind: "everything", enabled: true, nothing: null, ratio: 2.5, origin, step: "write", mixed: JSON.parse('{"a":1,"__proto__":2}') };
  expect(await publishForm(page)).toEqual(expected);
  expect(await newest(hub, "values", "everything")).toEqual(expected);
});

test("a recursive payload grows one level at a time", async () => {
  const [hub, page] = await openCase("recursion");
  await edit(hub, page, { channel: "trees", topic: "tree" }, async () => {
    await page.getByRole("textbox", { name: "value" }).fill("root");
    await add(page, "left");
    await page.getByRole("group", { name: "left" }).getByRole("textbox", { name: "value" }).fill("leaf");
    await page.getByRole("group", { name: "left" }).getByRole("button", { name: "left", exact: true }).click();
  }, { value: "root", left: { value: "leaf", left: { value: "text" } } });
  await edit(hub, page, { channel: "trees", topic: "expression" }, async () => {
    await field(page, "Kind of Payload").selectOption("negation");
    await field(page, "Kind of of").selectOption("sum");
  }, { op: "negation", of: { op: "sum", left: { op: "literal", value: 0 }, right: { op: "literal", value: 0 } } });
});

test("a text is published with its line breaks", async () => {
  const [hub, page] = await openCase("streams");
  await openForm(page, { channel: "story:one", topic: "draft" });
  await publishText(page, "Once\nupon a time 😀");
  expect(await newest(hub, "story:one", "draft")).toBe("Once\nupon a time 😀");
});

test("a signal's payload is checked, and a signal that no run takes is refused with the reason", async () => {
  const [, page] = await openCase("signals");
  await openForm(page, { channel: "review:one", signal: "approve" });
  await page.getByText("Valid", { exact: true }).waitFor();
  await field(page, "verdict").selectOption("edit");
  await add(page, "changes");
  await add(page, "Add an item");
  await page.getByRole("textbox", { name: /^line/ }).fill("0");
  await page.getByText("must be at least 1").waitFor();
  await page.getByRole("textbox", { name: /^line/ }).fill("3");
  await page.getByText("Valid", { exact: true }).waitFor();
  const answer = page.waitForResponse((response) => response.url().includes("/signal?"));
  await page.getByRole("button", { name: "Send the signal" }).click();
  expect((await answer).request().postDataJSON()).toEqual({ verdict: "edit", changes: [{ line: 3 }] });
  expect(await page.getByRole("alert").textContent()).toContain("run");
});

test("a channel that cannot exist is explained", async () => {
  const [, page] = await openCase("channels");
  await openForm(page, { channel: "pipeline:wrong", topic: "status" });
  await page.getByText("the value must match the pattern ^run_[a-z0-9]+$").waitFor();
  await page.getByLabel("runId").fill("run_1");
  await page.getByText("Valid", { exact: true }).waitFor();
});
