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
  return checkBatch(mapOf(...existing), { define: [], remove: [], ...batch }, lists, limits);
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
        message: expect.stringMatching(/9 deep \(top → s8 → s7 → .* → s0\); the limit is 8 \(nestingMax\)/),
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

describe("what only the vocabulary tells", () => {
  const engaged = define("engaged", { engagement: { score: { gte: 50 } } });
  const counting = (id: string): Vocabulary => ({
    ...DEFAULT_VOCABULARY,
    engagement: { cycleMs: 1, parts: [{ weight: 100, full: 1, of: { kind: "segment", id } }] },
  });
  const checkBy = (vocabulary: Vocabulary, existing: Definition[], batch: Partial<Batch>) =>
    checkBatch(mapOf(...existing), { define: [], remove: [], ...batch }, [], DEFAULT_LIMITS, () => vocabulary);

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
    const funnel = define("f", { not: { funnel: { id: "trial", at: "paid" } } });
    expect(checkBy(DEFAULT_VOCABULARY, [], { define: [funnel] })).toMatchObject([
      { segment: "f", path: "rule.not.funnel.id", message: expect.stringContaining('no funnel "trial"') },
    ]);
  });
});
