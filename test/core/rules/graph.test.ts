// References between segments: the order in which they are read, and batches that would leave the whole unsound.
// Definitions come through the parser, so that places point into what somebody could have written.
import { describe, expect, test } from "vitest";
import type { Definition } from "../../../lib/core/rules/ast.ts";
import {
  type Batch,
  checkBatch,
  listReferences,
  orderSegments,
  references,
  referencesAcross,
  usersOfList,
} from "../../../lib/core/rules/checks/graph.ts";
import { parseDefinition } from "../../../lib/core/rules/parse/parse.ts";
import { DEFAULT_LIMITS } from "../../../lib/core/types.ts";
import { DEFAULT_VOCABULARY, type Vocabulary } from "../../../lib/core/vocabulary.ts";

function define(id: string, rule: unknown, fields: object = {}): Definition {
  const parsed = parseDefinition({ id, rule, ...fields }, DEFAULT_LIMITS);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  return parsed.definition;
}

const leaf = (id: string, fields: object = {}) => define(id, { cart: { value: 1 } }, fields);
const over = (id: string, ids: string[], fields: object = {}) => define(id, { segment: { in: ids } }, fields);
const mapOf = (...definitions: Definition[]) => new Map(definitions.map((definition) => [definition.id, definition]));

function check(
  existing: readonly Definition[],
  batch: Partial<Batch>,
  lists: readonly string[] = [],
  limits = DEFAULT_LIMITS,
) {
  const ofUsers = new Map(lists.map((id) => [id, "user"] as const));
  return checkBatch(mapOf(...existing), { define: [], remove: [], ...batch }, ofUsers, limits);
}

test("references, each once, however deep", () => {
  const { rule } = define("x", {
    all: [
      { segment: { in: ["b", "a"] } },
      { any: [{ not: { segment: { notIn: ["c", "a"] } } }, { none: [{ list: { in: ["l2", "l1"] } }] }] },
      { list: { notIn: ["l1"] } },
    ],
  });
  expect(references(rule)).toEqual(["b", "a", "c"]);
  expect(listReferences(rule)).toEqual(["l2", "l1"]);
  expect(usersOfList([define("x", { list: { in: ["l1"] } }), leaf("y")], "l1")).toEqual(["x"]);
});

describe("the order of reading", () => {
  test("by level, then by id", () => {
    const { levels, order } = orderSegments([
      over("d", ["c", "a"]),
      over("c", ["b"]),
      leaf("b"),
      leaf("a"),
      over("0", ["a"]),
    ]);
    expect(Object.fromEntries(levels)).toEqual({ a: 0, b: 0, c: 1, "0": 1, d: 2 });
    expect(order).toEqual(["a", "b", "0", "c", "d"]);
  });

  test("a reference to nobody counts for nothing", () => {
    expect(Object.fromEntries(orderSegments([over("a", ["gone"])]).levels)).toEqual({ a: 0 });
  });

  test("a chain of 50,000 does not overflow", () => {
    const chain = Array.from({ length: 50_000 }, (_, n) =>
      n === 0 ? leaf("s0") : over(`s${n}`, [`s${n - 1}`]),
    ).reverse();
    expect(orderSegments(chain).levels.get("s49999")).toBe(49_999);
  });

  test("a cycle is a fault by then", () => {
    expect(() => orderSegments([over("a", ["b"]), over("b", ["a"])])).toThrow("a → b → a");
  });
});

describe("a batch that is sound", () => {
  test.each<[string, readonly Definition[], Partial<Batch>]>([
    ["in any order", [], { define: [over("a", ["b"]), leaf("b")] }],
    ["a removal with its user", [leaf("a"), over("b", ["a"])], { remove: ["a", "b"] }],
    [
      "a removal beside an edit that no longer uses it",
      [leaf("a"), over("b", ["a"])],
      { define: [leaf("b")], remove: ["a"] },
    ],
    [
      "disabling with its user",
      [leaf("a"), over("b", ["a"])],
      { define: [leaf("a", { enabled: false }), over("b", ["a"], { enabled: false })] },
    ],
    ["an edit that turns a reference round", [leaf("a"), over("b", ["a"])], { define: [over("a", ["b"]), leaf("b")] }],
    ["a diamond", [], { define: [leaf("a"), over("b", ["a"]), over("c", ["a"]), over("d", ["b", "c"])] }],
    ["nothing", [leaf("a")], {}],
  ])("%s", (_, existing, batch) => {
    expect(check(existing, batch)).toEqual([]);
  });

  test("a list that is there", () => {
    expect(check([], { define: [define("a", { list: { in: ["crm"] } })] }, ["crm"])).toEqual([]);
  });
});

describe("a batch that is refused", () => {
  const deep = define("x", { all: [{ cart: { value: 1 } }, { not: { segment: { notIn: ["vip", "employes"] } } }] });

  test.each<[string, readonly Definition[], Partial<Batch>, string, string, RegExp, string?]>([
    [
      "an unknown segment",
      [leaf("employees"), leaf("vip")],
      { define: [deep] },
      "x",
      "rule.all[1].not.segment.notIn[1]",
      /"x" references the segment "employes", which does not exist/,
      "employees",
    ],
    [
      "an unknown list",
      [],
      { define: [define("x", { list: { in: ["crn"] } })] },
      "x",
      "rule.list.in[0]",
      /import it first/,
      "crm",
    ],
    ["itself", [], { define: [over("a", ["a"])] }, "a", "rule.segment.in[0]", /in a cycle: a → a;/],
    [
      "each other",
      [],
      { define: [over("a", ["b"]), over("b", ["a"])] },
      "a",
      "rule.segment.in[0]",
      /in a cycle: a → b → a;/,
    ],
    [
      "a cycle through what exists, told at the batch's own",
      [over("a", ["b"]), over("b", ["c"]), leaf("c")],
      { define: [over("c", ["a"])] },
      "c",
      "rule.segment.in[0]",
      /in a cycle: a → b → c → a;/,
    ],
    [
      "removing what is used",
      [leaf("a"), over("b", ["a"])],
      { remove: ["a"] },
      "a",
      "",
      /"a" cannot be removed: it is used by "b"/,
    ],
    [
      "removing what a disabled one uses",
      [leaf("a"), over("b", ["a"], { enabled: false })],
      { remove: ["a"] },
      "a",
      "",
      /cannot be removed: it is used by "b"/,
    ],
    [
      "disabling what is used",
      [leaf("a"), over("b", ["a"]), over("c", ["a"])],
      { define: [leaf("a", { enabled: false })] },
      "a",
      "enabled",
      /"a" cannot be disabled: it is used by "b", "c"/,
    ],
    [
      "using what is disabled",
      [leaf("a", { enabled: false })],
      { define: [over("b", ["a"])] },
      "b",
      "rule.segment.in[0]",
      /"b" references "a", which is disabled; enable it first/,
    ],
    [
      "using what the batch removes",
      [leaf("a")],
      { define: [over("b", ["a"])], remove: ["a"] },
      "a",
      "",
      /cannot be removed: it is used by "b"/,
    ],
    ["removing nobody", [leaf("vips")], { remove: ["vip"] }, "vip", "", /there is no segment "vip" to remove/, "vips"],
    ["defining twice", [], { define: [leaf("a"), leaf("a")] }, "a", "id", /defined twice/],
    [
      "defining and removing",
      [leaf("a")],
      { define: [leaf("a")], remove: ["a"] },
      "a",
      "id",
      /both defined and removed/,
    ],
  ])("%s", (_, existing, batch, segment, path, message, hint) => {
    expect(check(existing, batch, ["crm"])).toEqual([
      { segment, path, message: expect.stringMatching(message), ...(hint === undefined ? {} : { hint }) },
    ]);
  });

  test("nesting: 8 deep is in, 9 is out, and the chain is named", () => {
    const chain = Array.from({ length: 9 }, (_, n) => (n === 0 ? leaf("s0") : over(`s${n}`, [`s${n - 1}`])));
    expect(check([], { define: chain })).toEqual([]);
    expect(check(chain, { define: [over("top", ["s0", "s8"])] })).toEqual([
      {
        segment: "top",
        path: "rule",
        message: expect.stringMatching(/9 deep \(top → s8 → s7 → .* → s0\); the limit is 8 \(limits\.nestingMax\)/),
      },
    ]);
  });

  test("two cycles are both named", () => {
    const define = [over("a", ["b"]), over("b", ["a"]), over("c", ["d"]), over("d", ["c"])];
    expect(check([], { define }).map(({ message }) => /cycle: ([^;]+);/.exec(message)?.[1])).toEqual([
      "a → b → a",
      "c → d → c",
    ]);
  });
});

describe("across account and users", () => {
  const ofAccounts = { kind: "account" };
  const asks = (id: string, target: string) => define(id, { account: { segment: { in: [target] } } });
  const askedOfUsers = (id: string, target: string) =>
    define(id, { users: { rule: { not: { segment: { notIn: [target] } } }, atLeast: 1 } }, ofAccounts);
  const accounts = (id: string, fields: object = {}) => define(id, { order: {} }, { ...ofAccounts, ...fields });

  test("references lead through, and are told apart from those of the own side", () => {
    const { rule } = define("x", {
      all: [
        { segment: { in: ["a"] } },
        { account: { any: [{ segment: { in: ["b"] } }, { users: { rule: { segment: { in: ["a"] } }, atLeast: 1 } }] } },
        { not: { account: { list: { in: ["l"] } } } },
      ],
    });
    expect(references(rule)).toEqual(["a", "b"]);
    expect(referencesAcross(rule)).toEqual(["b", "a"]);
    expect(listReferences(rule)).toEqual(["l"]);
    expect(usersOfList([define("x", { account: { list: { in: ["l"] } } })], "l")).toEqual(["x"]);
    const engaged = define("e", { account: { engagement: { score: { gte: 5 } } } }).rule;
    const counting: Vocabulary = {
      ...DEFAULT_VOCABULARY,
      engagement: { cycleMs: 1, parts: [{ weight: 100, full: 1, of: { kind: "segment", id: "vip" } }] },
    };
    expect(references(engaged, counting)).toEqual(["vip"]);
    expect(referencesAcross(engaged, counting)).toEqual(["vip"]);
  });

  test("the order of reading, nested before nesting", () => {
    const { levels } = orderSegments([asks("c", "b"), askedOfUsers("b", "a"), leaf("a")]);
    expect(Object.fromEntries(levels)).toEqual({ a: 0, b: 1, c: 2 });
  });

  test("a sound batch", () => {
    const batch = { define: [asks("c", "b"), askedOfUsers("b", "a"), leaf("a")] };
    expect(check([], batch)).toEqual([]);
    const inside = define("d", { account: { users: { rule: { segment: { in: ["a"] } }, share: 100 } } });
    expect(check([leaf("a")], { define: [inside] })).toEqual([]);
  });

  test("a cycle is named", () => {
    expect(check([leaf("a")], { define: [asks("a", "b"), askedOfUsers("b", "a")] })).toMatchObject([
      { segment: "a", path: "rule.account.segment.in[0]", message: expect.stringContaining("a → b → a") },
    ]);
    expect(check([], { define: [askedOfUsers("b", "a"), asks("a", "b")] })).toMatchObject([
      { segment: "b", path: "rule.users.rule.not.segment.notIn[0]", message: expect.stringContaining("b → a → b") },
    ]);
  });

  test("too deep", () => {
    const limits = { ...DEFAULT_LIMITS, nestingMax: 1 };
    expect(check([], { define: [asks("c", "b"), askedOfUsers("b", "a"), leaf("a")] }, [], limits)).toMatchObject([
      { segment: "c", message: expect.stringContaining("nested 2 deep (c → b → a)") },
    ]);
  });

  test("what is used across is in use", () => {
    expect(check([asks("c", "b"), accounts("b")], { remove: ["b"] })).toMatchObject([
      { segment: "b", message: expect.stringContaining('it is used by "c"') },
    ]);
    expect(check([asks("c", "b"), accounts("b")], { define: [accounts("b", { enabled: false })] })).toMatchObject([
      { segment: "b", path: "enabled" },
    ]);
  });

  test("what does not exist", () => {
    expect(check([accounts("bee")], { define: [asks("c", "be")] })).toMatchObject([
      { segment: "c", path: "rule.account.segment.in[0]", hint: "bee" },
    ]);
  });

  test.each<[string, Definition, string, RegExp]>([
    [
      "accounts asked of a user",
      define("x", { any: [{ cart: { value: 1 } }, { segment: { in: ["u", "a"] } }] }),
      "rule.any[1].segment.in[1]",
      /^the segment "a" groups accounts, and here a rule speaks of users; .*: \{account: \{segment: \{in: \[a\]\}\}\}$/,
    ],
    [
      "users asked of an account",
      define("x", { segment: { notIn: ["u"] } }, ofAccounts),
      "rule.segment.notIn[0]",
      /^the segment "u" groups users, and here a rule speaks of accounts; .*: \{users: \{rule: \{segment: .*atLeast: 1\}\}$/,
    ],
    [
      "users inside account, where the right one stands before",
      define("x", { all: [{ segment: { in: ["u"] } }, { account: { segment: { in: ["u"] } } }] }),
      "rule.all[1].account.segment.in[0]",
      /"u" groups users/,
    ],
    [
      "accounts inside users",
      define("x", { users: { rule: { segment: { in: ["a"] } }, atLeast: 1 } }, ofAccounts),
      "rule.users.rule.segment.in[0]",
      /"a" groups accounts/,
    ],
    [
      "a list of accounts asked of a user",
      define("x", { list: { in: ["la"] } }),
      "rule.list.in[0]",
      /^the list "la" holds accounts, and here a rule speaks of users; .*\{account: \{list: \{in: \[la\]\}\}\}$/,
    ],
    [
      "a list of users asked of an account",
      define("x", { account: { list: { notIn: ["la", "lu"] } } }),
      "rule.account.list.notIn[1]",
      /^the list "lu" holds users/,
    ],
  ])("the other kind: %s", (_, definition, path, message) => {
    const lists = new Map([
      ["la", "account"],
      ["lu", "user"],
    ] as const);
    const existing = mapOf(leaf("u"), accounts("a"));
    expect(checkBatch(existing, { define: [definition], remove: [] }, lists, DEFAULT_LIMITS)).toEqual([
      { segment: "x", path, message: expect.stringMatching(message) },
    ]);
  });

  test("a segment keeps its kind", () => {
    expect(check([leaf("a")], { define: [accounts("a")] })).toEqual([
      {
        segment: "a",
        path: "kind",
        message: '"a" groups users, and a segment keeps its kind; give the one of accounts another id',
        hint: "user",
      },
    ]);
  });
});

describe("what only the vocabulary tells", () => {
  const engaged = define("engaged", { engagement: { score: { gte: 50 } } });
  const counting = (id: string): Vocabulary => ({
    ...DEFAULT_VOCABULARY,
    engagement: { cycleMs: 1, parts: [{ weight: 100, full: 1, of: { kind: "segment", id } }] },
  });
  const checkBy = (vocabulary: Vocabulary, existing: Definition[], batch: Partial<Batch>) =>
    checkBatch(mapOf(...existing), { define: [], remove: [], ...batch }, new Map(), DEFAULT_LIMITS, () => vocabulary);

  test("segments that the score counts are references of whoever reads it", () => {
    expect(references(engaged.rule, counting("vip"))).toEqual(["vip"]);
    expect(references(over("a", ["b"]).rule, counting("vip"))).toEqual(["b"]);
    expect(orderSegments([{ definition: engaged, vocabulary: counting("vip") }, leaf("vip")]).order).toEqual([
      "vip",
      "engaged",
    ]);
  });

  test("they must be there, and stay", () => {
    expect(checkBy(counting("vip"), [], { define: [engaged] })).toMatchObject([
      {
        segment: "engaged",
        message: expect.stringContaining('reads engagement, whose score counts the segment "vip"'),
      },
    ]);
    expect(checkBy(counting("vip"), [engaged, leaf("vip")], { remove: ["vip"] })).toMatchObject([
      { segment: "vip", message: expect.stringContaining('it is used by "engaged"') },
    ]);
    expect(checkBy(counting("vip"), [leaf("vip")], { define: [engaged] })).toEqual([]);
  });

  test("engagement must not read engagement, however far behind", () => {
    expect(
      checkBy(counting("vip"), [over("vip", ["mid"]), leaf("mid")], { define: [engaged, over("mid", ["engaged"])] }),
    ).toMatchObject([
      {
        message: expect.stringContaining(
          'engagement must not read engagement: "engaged" reads it, and its score counts "vip"',
        ),
      },
    ]);
    expect(checkBy(counting("engaged"), [], { define: [engaged] })).toMatchObject([
      { message: expect.stringContaining('its score counts "engaged" (engaged → engaged)') },
    ]);
  });

  test("funnels that it lacks are told at their place", () => {
    const rule = { funnel: { id: "trial", at: "paid" } };
    const funnel = define("f", { not: rule });
    expect(checkBy(DEFAULT_VOCABULARY, [], { define: [funnel] })).toMatchObject([
      { segment: "f", path: "rule.not.funnel.id", message: expect.stringContaining('no funnel "trial"') },
    ]);
    const across = define("f", { account: { any: [{ users: { rule, atLeast: 1 } }, rule] } });
    expect(checkBy(DEFAULT_VOCABULARY, [], { define: [across] })).toMatchObject([
      { path: "rule.account.any[0].users.rule.funnel.id" },
      { path: "rule.account.any[1].funnel.id" },
    ]);
  });
});
