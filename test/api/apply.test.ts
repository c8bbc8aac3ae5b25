// Applying definitions: what counts as a change, what is refused and where, conflicts, and the wait until it is in force.
import { describe, expect, test } from "vitest";
import {
  type ActivationProgress,
  ApplyRefused,
  appendEntry,
  apply,
  planApply,
  waitUntilActive,
} from "../../lib/api/segments/apply.ts";
import { Catalogue } from "../../lib/api/segments/catalogue.ts";
import { DEFAULT_LIMITS as limits } from "../../lib/core/types.ts";
import { readDefinitions } from "../../lib/definitions/load.ts";
import type { PartitionStatus } from "../../lib/ports/questions.ts";
import { ControlInMemory } from "./control-in-memory.ts";

const CART = "id: cart\nname: Cart\nrule: { cart: { value: { gt: 0 } } }\n";
const NESTING = "id: outer\nrule: { segment: { in: [cart] } }\n";
const COUNTING = "id: counting\nrule: { event: { name: Ping, count: { gte: 3 } } }\n";

const request = (text: string, remove: string[] = []) => ({ loaded: readDefinitions(text, "a.yaml"), remove, limits });

async function opened(...texts: string[]): Promise<{ control: ControlInMemory; catalogue: Catalogue }> {
  const control = new ControlInMemory();
  const catalogue = await Catalogue.open(control, limits);
  for (const text of texts) await apply(control, catalogue, request(text));
  return { control, catalogue };
}

describe("the plan", () => {
  test("tells new, changed and unchanged apart, and writes only what differs", async () => {
    const { catalogue } = await opened(CART);
    const rearranged = "rule: { cart: { value: { gt: 0 } } }\nname: Cart\nid: cart\n";
    expect(planApply(catalogue, request(rearranged))).toMatchObject({ unchanged: ["cart"], entries: [] });
    const plan = planApply(catalogue, request(`${CART.replace("gt: 0", "gt: 5")}---\n${NESTING}`));
    expect(plan).toMatchObject({ created: ["outer"], changed: ["cart"], unchanged: [], problems: [] });
    expect(plan.entries).toMatchObject([{ define: [{ id: "outer" }, { id: "cart" }] }]);
  });

  test("compares with what is being prepared, not only with what is in force", async () => {
    const { catalogue } = await opened(COUNTING);
    expect(catalogue.entry("counting")).toMatchObject({ state: "backfilling" });
    expect(planApply(catalogue, request(COUNTING))).toMatchObject({ unchanged: ["counting"], entries: [] });
  });

  test("names the place of a reference that leads nowhere, and the word that was meant", async () => {
    const { catalogue } = await opened(CART);
    const { problems } = planApply(catalogue, request("id: outer\nrule:\n  segment: { in: [carts] }\n"));
    expect(problems).toMatchObject([{ file: "a.yaml", line: 3, hint: "cart" }]);
  });

  test("tells a cycle and a dead reference together with what does not parse", async () => {
    const { catalogue } = await opened();
    const text = [
      "id: typo\nrule: { crat: { value: { gt: 0 } } }\n",
      "id: a\nrule: { segment: { in: [b, typo] } }\n",
      "id: b\nrule: { segment: { in: [a, nowhere] } }\n",
      "id: a\nrule: { segment: { in: [b] } }\n",
    ].join("---\n");
    const told = planApply(catalogue, request(text)).problems.map(({ line, message }) => `${line} ${message}`);
    expect(told).toEqual([
      expect.stringMatching(/^2 rule\.crat: unknown rule/),
      expect.stringMatching(/^10 id: a is already defined/),
      expect.stringMatching(/^8 .*"nowhere", which does not exist/),
      expect.stringMatching(/^\d .*cycle: .*a → b → a|b → a → b/),
    ]);
  });

  test("who may stand in a document that cannot be read is not missed", async () => {
    const { catalogue } = await opened();
    const { problems } = planApply(catalogue, request(`${NESTING}---\nid: cart\nrule: {cart: [}\n`));
    expect(problems.length).toBeGreaterThan(0);
    expect(problems.map(({ message }) => message).join()).not.toContain("does not exist");
  });

  test("names a cycle, and refuses to remove what is in use", async () => {
    const { catalogue } = await opened(`${CART}---\n${NESTING}`);
    const cycle = planApply(catalogue, request("id: cart\nrule: { segment: { in: [outer] } }\n"));
    expect(cycle.problems.map(({ message }) => message).join()).toMatch(/cart.*outer|outer.*cart/);
    const inUse = planApply(catalogue, request("", ["cart"]));
    expect(inUse.problems.map(({ message }) => message).join()).toContain("outer");
  });

  test("brings lists along, so that a rule may refer to one of the same files", async () => {
    const text =
      "segments:\n  - { id: staff-only, rule: { list: { in: [staff] } } }\nlists:\n  - { id: staff, members: [u1, u2] }\n";
    const { control, catalogue } = await opened(text);
    expect(control.entries.map(({ op }) => op)).toEqual(["list", "apply"]);
    expect([...catalogue.lists.get("staff")!]).toEqual(["u1", "u2"]);
    expect(planApply(catalogue, request(text))).toMatchObject({ lists: [], entries: [] });
  });

  test("brings lists of accounts along, and refuses the other kind at its place", async () => {
    const text = (kind: string) =>
      `segments:\n  - { id: at-risk, kind: account, rule: { list: { in: [churning] } } }\nlists:\n  - { id: churning${kind}, members: [acme] }\n`;
    const { control, catalogue } = await opened(text(", kind: account"));
    expect(control.entries[0]).toEqual({
      op: "list",
      id: "churning",
      kind: "account",
      mode: "replace",
      members: ["acme"],
    });
    expect(catalogue.listKinds).toEqual(new Map([["churning", "account"]]));
    expect(planApply(catalogue, request(text(""))).problems).toMatchObject([
      {
        line: 4,
        message: expect.stringMatching(/^the list churning holds accounts, and keeps its kind; write kind: account/),
      },
    ]);
    const { catalogue: fresh } = await opened();
    expect(planApply(fresh, request(text(""))).problems).toMatchObject([
      { line: 2, message: expect.stringMatching(/^rule\.list\.in\[0\]: the list "churning" holds users/) },
    ]);
  });
});

describe("writing", () => {
  test("one batch is one entry, in whatever order it is written", async () => {
    const { control } = await opened(`${NESTING}---\n${CART}`);
    expect(control.entries).toHaveLength(1);
  });

  test("checks again when somebody else wrote in between", async () => {
    const { control, catalogue } = await opened(`${CART}---\n${NESTING}`);
    control.meanwhile = () => control.write({ op: "apply", define: [], remove: ["outer"] });
    await apply(control, catalogue, request("", ["outer", "cart"])).then(
      () => expect.unreachable("outer is gone already"),
      (error: ApplyRefused) => expect(error.problems.map(({ message }) => message).join()).toContain("outer"),
    );
    expect(catalogue.entry("cart")).toBeDefined();
  });

  test("what no message can carry is refused before it is sent", async () => {
    const { control, catalogue } = await opened();
    const small = request(`${CART}---\n${NESTING}`);
    control.entryBytesMax = 100;
    await expect(apply(control, catalogue, small)).rejects.toThrow(
      /has 1\d\d bytes, .* messages of 100\. Apply .* parts/,
    );
    const add = { op: "list", id: "l", mode: "add", members: ["ä".repeat(30)] } as const;
    await expect(appendEntry(control, catalogue, () => add)).rejects.toThrow(/has 1\d\d bytes.*`lists add`/);
    expect(control.entries).toEqual([]);
    await apply(control, catalogue, request(CART));
    expect(control.entries).toHaveLength(1);
  });

  test("an answer that was lost is found out, and nothing is written twice", async () => {
    const { control, catalogue } = await opened();
    control.loseNextAnswer = true;
    const { revisions } = await apply(control, catalogue, request(CART));
    expect(revisions).toEqual([1]);
    expect(control.entries).toHaveLength(1);
  });

  test("a control log that never gives way is given up with its reason", async () => {
    const { control, catalogue } = await opened();
    const crowd = (): void => {
      control.write({ op: "list", id: "l", mode: "add", members: ["u"] });
      control.meanwhile = crowd;
    };
    control.meanwhile = crowd;
    await expect(appendEntry(control, catalogue, () => ({ op: "removeList", id: "x" }))).rejects.toThrow(
      "others write",
    );
  });
});

describe("what asks across account and users", () => {
  const BUSY = "id: busy\nkind: account\nrule: { users: { rule: { trait: { role: admin } }, atLeast: 2 } }\n";
  const OF_BUSY = "id: of-busy\nrule: { account: { segment: { in: [busy] } } }\n";
  const BEYOND = "id: beyond\nkind: account\nrule: { users: { rule: { segment: { in: [inner] } }, share: 100 } }\n";
  const INNER = "id: inner\nrule: { all: [{ segment: { in: [of-busy] } }, { trait: { a: 1 } }] }\n";
  const ids = (entries: readonly { readonly define: readonly unknown[] }[]) =>
    entries.map(({ define }) => define.map((source) => (source as { id: string }).id));

  test("comes after what it names, each step an entry of its own, whatever the order of the files", async () => {
    const { control, catalogue } = await opened();
    const { plan, revisions } = await apply(
      control,
      catalogue,
      request([BEYOND, OF_BUSY, CART, INNER, BUSY].join("---\n")),
    );
    const steps = [["cart", "busy"], ["of-busy", "inner"], ["beyond"]];
    expect(ids(plan.entries)).toEqual(steps);
    expect(ids(control.entries as { define: unknown[]; op: "apply"; remove: [] }[])).toEqual(steps);
    expect(revisions).toEqual([1, 2, 3]);
    expect(plan.created).toHaveLength(5);
  });

  test("is one entry where what it names is there already", async () => {
    const { control, catalogue } = await opened(BUSY);
    const { revisions } = await apply(control, catalogue, request([OF_BUSY, INNER, BUSY].join("---\n")));
    expect(revisions).toEqual([2]);
    expect(control.entries).toHaveLength(2);
  });

  test("removes in the last step, when nobody uses it any more", async () => {
    const { control, catalogue } = await opened(BUSY, OF_BUSY, CART);
    const edited = [BUSY.replace("2", "3"), "id: of-busy\nrule: { account: { segment: { in: [busy] } } }\nname: A\n"];
    const plan = planApply(catalogue, request(edited.join("---\n"), ["cart"]));
    expect(plan.entries).toMatchObject([{ remove: [] }, { remove: ["cart"] }]);
    await apply(control, catalogue, request(edited.join("---\n"), ["cart"]));
    expect(control.entries.slice(3)).toEqual(plan.entries);
    expect(planApply(catalogue, request("", ["of-busy"])).entries).toEqual([
      { op: "apply", define: [], remove: ["of-busy"] },
    ]);
  });

  test("a lost answer and somebody else in between change nothing of the steps", async () => {
    const { control, catalogue } = await opened();
    control.loseNextAnswer = true;
    control.meanwhile = () => control.write({ op: "list", id: "l", mode: "add", members: ["u"] });
    await apply(control, catalogue, request([OF_BUSY, BUSY].join("---\n")));
    expect(control.entries.map((entry) => (entry.op === "apply" ? ids([entry])[0]![0] : entry.op))).toEqual([
      "list",
      "busy",
      "of-busy",
    ]);
  });

  test("a circle across is refused, and nothing is written", async () => {
    const { control, catalogue } = await opened();
    const circle = [BUSY.replace("trait: { role: admin }", "segment: { in: [of-busy] }"), OF_BUSY].join("---\n");
    expect(planApply(catalogue, request(circle))).toMatchObject({
      entries: [],
      problems: [{ message: expect.stringMatching(/cycle: (busy → of-busy → busy|of-busy → busy → of-busy)/) }],
    });
    await expect(apply(control, catalogue, request(circle))).rejects.toThrow(ApplyRefused);
    expect(control.entries).toEqual([]);
  });

  test("what could not be read is of the kind that it says", async () => {
    const { catalogue } = await opened();
    const { problems } = planApply(catalogue, request(`${OF_BUSY}---\nid: busy\nkind: account\nrule: {}\n`));
    expect(problems).toMatchObject([{ line: 6 }]);
  });
});

describe("waiting", () => {
  const status = (revision: number, folding: PartitionStatus["folding"] = [], position = 100): PartitionStatus =>
    ({ revision, folding, position, unsettled: [] as readonly number[] }) as PartitionStatus;

  test("history is waited for with its progress, then every partition", async () => {
    const { control, catalogue } = await opened(COUNTING);
    const fold = { revision: 1, from: 1, position: 50, perSecond: 10, segments: ["counting"], failed: null };
    const told: ActivationProgress[] = [];
    const answers = [
      () => [status(1, [fold]), null],
      () => [status(1), status(1)],
      () => {
        control.write({ op: "activate", revision: 1 });
        return [status(2), status(1)];
      },
      () => [status(2), status(2)],
    ];
    await waitUntilActive({
      catalogue,
      status: async () => answers.shift()!(),
      revision: 1,
      pollMs: 0,
      onProgress: (progress) => told.push(progress),
    });
    expect(told.map(({ fraction, inForce, silent }) => [fraction, inForce, silent])).toEqual([
      [0.25, 0, 1],
      [1, 0, 0],
      [1, 1, 0],
      [1, 2, 0],
    ]);
    expect(catalogue.entry("counting")).toMatchObject({ state: "live", version: 1 });
  });

  test("history that cannot be read, and a batch that is given up, end the wait with the reason", async () => {
    const { control, catalogue } = await opened(COUNTING);
    const fold = {
      revision: 1,
      from: 1,
      position: 50,
      perSecond: 10,
      segments: ["counting"],
      failed: "it was trimmed",
    };
    const waited = (statuses: PartitionStatus[]) =>
      waitUntilActive({ catalogue, status: async () => statuses, revision: 1, pollMs: 0, onProgress: () => {} });
    await expect(waited([status(1), status(1, [fold])])).rejects.toThrow(/cannot be completed: it was trimmed/);
    control.write({ op: "cancel", revision: 1 });
    await expect(waited([status(2)])).rejects.toThrow(/revision 1 was given up/i);
    expect(catalogue.entry("counting")).toBeUndefined();
    expect(catalogue.versions("counting")).toMatchObject([{ version: 1, state: "given up", inForceFrom: null }]);
  });

  test("what the control log refuses is said, not waited for", async () => {
    const { control, catalogue } = await opened();
    control.write({ op: "apply", define: [{ id: "x" }], remove: [] });
    const waiting = waitUntilActive({
      catalogue,
      status: async () => [],
      revision: 1,
      pollMs: 0,
      onProgress: () => {},
    });
    await expect(waiting).rejects.toThrow(ApplyRefused);
  });
});

test("every version is remembered, with when it was in force and what it said", async () => {
  const { control, catalogue } = await opened(COUNTING);
  control.write({ op: "activate", revision: 1 });
  await apply(control, catalogue, request(COUNTING.replace("gte: 3", "gte: 5")));
  await apply(control, catalogue, request(COUNTING.replace("Ping", "Pong")));
  await apply(control, catalogue, request(COUNTING.replace("gte: 3", "gte: 7")));
  expect(catalogue.versions("counting").map(({ state }) => state)).toEqual(["backfilling", "given up", "live", "past"]);
  control.write({ op: "activate", revision: 5 });
  const versions = catalogue.versions("counting");
  expect(
    versions.map(({ version, state, inForceFrom, inForceUntil }) => [version, state, inForceFrom, inForceUntil]),
  ).toEqual([
    [4, "live", 6, null],
    [3, "given up", null, null],
    [2, "past", 3, 6],
    [1, "past", 2, 3],
  ]);
  expect(versions[2]!.source).toMatchObject({ rule: { event: { count: { gte: 5 } } } });
  control.write({ op: "apply", define: [], remove: ["counting"] });
  expect(catalogue.versions("counting")[0]).toMatchObject({ version: 4, state: "past", inForceUntil: 7 });
});

test("a draft is kept, shown as one, and ends when it is applied or discarded", async () => {
  const { control, catalogue } = await opened();
  control.write({ op: "draft", define: [{ id: "cart", name: "Half done" }], discard: [] });
  expect(catalogue.entry("cart")).toMatchObject({ state: "draft", version: 0, name: "Half done", hasDraft: true });
  await apply(control, catalogue, request(CART));
  expect(catalogue.entry("cart")).toMatchObject({ state: "live", hasDraft: false });
  control.write({ op: "draft", define: [{ id: "cart", name: "Other" }], discard: [] });
  expect(catalogue.entry("cart")).toMatchObject({ state: "live", name: "Cart", hasDraft: true });
  control.write({ op: "draft", define: [], discard: ["cart"] });
  expect(catalogue.drafts.size).toBe(0);
});

test("a version in preparation is shown beside the one that serves", async () => {
  const { control, catalogue } = await opened(COUNTING);
  control.write({ op: "activate", revision: 1 });
  await apply(control, catalogue, request(COUNTING.replace("Ping", "Pong")));
  expect(catalogue.entry("counting")).toMatchObject({ state: "live", version: 1, nextVersion: 2 });
  control.write({ op: "activate", revision: 3 });
  expect(catalogue.entry("counting")).toMatchObject({ version: 2, nextVersion: null });
});
