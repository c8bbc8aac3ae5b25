// Bodies that mean something: events as shops send them, definitions as people write them, lists as they are uploaded. shots.ts
// harms them before it fires.
import type { NamedOperation } from "../api/contract/operations.ts";
import { definition } from "../laws/generate.ts";
import { vocabulary } from "../laws/vocabularies.ts";
import type { Dice } from "../support/seed.ts";
import { date, mutated, nastyText, Raw } from "./nasty.ts";

const INGESTING = /^POST \/v1\/(track|identify|page|screen|group|alias|batch|import|[tipsgab])$|\/settings$/;
const DEFINING =
  /^(POST|PUT|DELETE) \/v1\/(segments|vocabulary|lists|items|situations)|^GET \/v1\/(segments|vocabulary|lists|items|situations|preparations)/;
const BATCHES = new Set(["batch", "import", "b"]);
const LETTERS: Readonly<Record<string, string>> = {
  t: "track",
  i: "identify",
  p: "page",
  s: "screen",
  g: "group",
  a: "alias",
};

export function isIngesting({ name }: NamedOperation): boolean {
  return INGESTING.test(name);
}

export function isDefining({ name }: NamedOperation): boolean {
  return DEFINING.test(name);
}

// ── events ──────────────────────────────────────────────────────────────────────────────────────────────────────────

/** `mark` makes its ids its own, so that what is stored can be told from all else. */
export function eventsBody(dice: Dice, { path }: NamedOperation, mark: string): unknown {
  const call = path.slice("/v1/".length);
  const changes = (): number => (dice.chance(0.4) ? 0 : dice.int(1, 3));
  if (!BATCHES.has(call)) return mutated(dice, withId(dice, event(dice, LETTERS[call] ?? call), mark), changes());
  const count = dice.pick([0, 1, 2, 3, 5, 20]);
  const batch = Array.from({ length: dice.chance(0.01) ? dice.pick([400, 2_500, 2_501]) : count }, (_, index) =>
    withId(
      dice,
      mutated(dice, event(dice, dice.pick(Object.values(LETTERS))), index < 20 && dice.chance(0.3) ? 1 : 0),
      `${mark}.${index}`,
    ),
  );
  return mutated(dice, { batch, sentAt: date(dice), context: { library: { name: "fuzz" } } }, dice.chance(0.7) ? 0 : 1);
}

function withId(dice: Dice, said: unknown, mark: string): unknown {
  if (typeof said !== "object" || said === null || said instanceof Raw || dice.chance(0.03)) return said;
  return { ...said, messageId: `fuzz-${mark}` };
}

function event(dice: Dice, type: string): Record<string, unknown> {
  const who = dice.chance(0.9) ? { userId: `u${dice.int(0, 39)}` } : { anonymousId: `a${dice.int(0, 9)}` };
  const base = {
    type,
    ...who,
    ...(dice.chance(0.3) ? { timestamp: date(dice) } : {}),
    ...(dice.chance(0.3) ? { context: context(dice) } : {}),
  };
  switch (type) {
    case "identify":
      return { ...base, traits: traits(dice) };
    case "group":
      return { ...base, groupId: dice.pick(["acme", "globex", "initech"]), traits: traits(dice) };
    case "alias":
      return { ...base, previousId: `a${dice.int(0, 9)}` };
    case "track":
      return { ...base, event: dice.pick(EVENTS), properties: properties(dice) };
    default:
      return {
        ...base,
        name: dice.pick(["Shoes", "A"]),
        properties: { path: "/shoes", url: "https://shop.example/shoes?utm_source=x" },
      };
  }
}

const EVENTS = [
  ..."Product Added,Product Removed,Product Viewed,Products Searched,Cart Viewed,Checkout Started,Order Completed".split(
    ",",
  ),
  ..."Order Refunded,Order Cancelled,Coupon Applied,A,B,Email Opened,Page Viewed".split(","),
];

function properties(dice: Dice): object {
  const product = (): object => ({
    product_id: dice.pick(["p1", "p2", "sku-1"]),
    price: dice.pick<unknown>([1, 9.99, 60, new Raw(nastyText(dice))]),
    quantity: dice.pick<unknown>([1, 2, new Raw("-0"), new Raw("1e300")]),
    category: "shoes",
  });
  const order = {
    order_id: `o${dice.int(0, 20)}`,
    total: dice.pick<unknown>([10, 1e15, new Raw("1e308")]),
    currency: dice.pick(["EUR", "USD", "XXX"]),
  };
  return dice.pick<() => object>([
    product,
    () => ({ ...order, products: [product(), product()] }),
    () => ({ n: dice.int(0, 9) }),
  ])();
}

function traits(dice: Dice): object {
  return {
    plan: dice.pick(["x", "y", "trial"]),
    n: dice.int(0, 9),
    email: `u${dice.int(0, 39)}@shop.example`,
    ...(dice.chance(0.2) ? { address: { city: "Bonn", country: "DE" }, tags: ["a", "b"] } : {}),
  };
}

function context(dice: Dice): object {
  return dice.pick<() => object>([
    () => ({
      ip: dice.pick(["1.1.1.1", "999.1.1.1", "::1", "2001:db8::1", "::ffff:1.2.3.4", ""]),
      locale: "de-DE",
      timezone: "Europe/Berlin",
    }),
    () => ({
      userAgent: `Mozilla/5.0 ${"(".repeat(dice.int(0, 300))} Chrome/99 ${"a ".repeat(dice.int(0, 300))}`,
      library: { name: "analytics.js", version: "1" },
    }),
    () => ({
      campaign: { name: "spring", source: "mail" },
      page: { url: "http://[::1", referrer: "https://www.google.com/?q=x" },
    }),
    () => ({ device: { id: "d1", type: "ios" }, os: { name: "iOS", version: "17" }, screen: { width: 1e9 } }),
  ])();
}

// ── definitions ─────────────────────────────────────────────────────────────────────────────────────────────────────

const OTHERS = ["fuzz-0", "fuzz-1", "fuzz-2"];

/** A body of its own for routes whose example is one of thousands; undefined: the example will do. */
export function definitionBody(dice: Dice, { name, path }: NamedOperation, target: string): unknown {
  // The id in the path and that in the body are the same, if anything is to come of it.
  const id = /^\/v1\/segments\/(fuzz-\d)/.exec(target)?.[1] ?? `fuzz-${dice.int(0, 9)}`;
  const whole = (): object => ({ ...definition(dice, id, dice.chance(0.3) ? OTHERS : []), enabled: dice.chance(0.8) });
  if (dice.chance(0.15)) return undefined;
  switch (name) {
    case "POST /v1/segments":
    case "PUT /v1/segments/{id}":
    case "PUT /v1/segments/{id}/draft":
      return whole();
    case "POST /v1/segments/apply":
      return { segments: [whole(), ...(dice.chance(0.5) ? [definition(dice, dice.pick(OTHERS), [])] : [])] };
    case "POST /v1/segments/validate":
    case "POST /v1/segments/sentence":
    case "POST /v1/segments/try":
    case "POST /v1/segments/backtest":
    case "POST /v1/segments/{id}/diff":
      return { definition: whole() };
    case "POST /v1/segments/{id}/clone":
      return { id: dice.pick(OTHERS) };
    case "PUT /v1/vocabulary":
    case "POST /v1/vocabulary/plan":
      return vocabulary(dice);
    case "POST /v1/lists":
      return { id: dice.pick(["crm", "dmp", "vip"]), members: membersOf(dice) };
    case "POST /v1/decide":
      return { user: `u${dice.int(0, 39)}`, waitMs: dice.pick([0, 1, 500]) };
    default:
      return path.startsWith("/v1/lists/") ? { members: membersOf(dice) } : undefined;
  }
}

function membersOf(dice: Dice): unknown[] {
  return Array.from({ length: dice.pick([0, 1, 3, 10]) }, () =>
    dice.chance(0.9) ? `u${dice.int(0, 39)}` : new Raw(nastyText(dice)),
  );
}

/** A table as programs for tables write them, and as nobody does. */
export function listFile(dice: Dice): string {
  const cells = [
    "u1",
    "u2",
    "u39",
    '"u3"',
    '"u""4"',
    '"',
    "",
    " ",
    "u5,x,y",
    "\u0000",
    "=cmd()",
    "é",
    "a\tb",
    "'u6'",
    "x".repeat(2_000),
  ];
  const rows = Array.from({ length: dice.pick([0, 1, 5, 50, 2_000]) }, () => dice.pick(cells));
  const head = dice.pick(["id", "userId", "id,name", "\ufeffid", '"id"', "", "nonsense", "id,id", "__proto__"]);
  return [head, ...rows].join(dice.pick(["\n", "\r\n", "\r", "\n\n"])) + dice.pick(["", "\n", '"']);
}
