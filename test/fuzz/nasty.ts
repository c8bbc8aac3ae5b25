// What breaks programs: numbers, texts and shapes that JSON can write and nobody expects, put into good bodies at random places.
// shots.ts fires what is made here.
import type { Dice } from "../support/seed.ts";

/** Text that stands in a body as it is, where JSON.stringify would mend it. */
export class Raw {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

const NUMBERS = [
  ..."0 -0 1 -1 0.1 -0.0 1e5 1E-7 255 65536 2147483648 -2147483649 4294967296 9007199254740991 9007199254740993".split(
    " ",
  ),
  ..."1e15 1e21 1e300 1.7976931348623157e308 1e309 1e999 -1e999 5e-324 1e-400 253402300799999 8640000000000001 1e-7".split(
    " ",
  ),
  `1${"0".repeat(400)}`,
  `0.${"1".repeat(400)}`,
];

const DATES = [
  "2026-11-23T10:00:00.000Z",
  "2026-11-23",
  "2026-02-30T25:61:61Z",
  "0000-00-00T00:00:00Z",
  "-271821-04-20T00:00:00.000Z",
  "+275760-09-13T00:00:00.001Z",
  "+999999-01-01T00:00:00Z",
  "1969-12-31T23:59:59.999Z",
  "2026-11-23T10:00:00+99:99",
  "2026-11-23T10:00:00.123456789123456789Z",
  "yesterday",
  "1764000000",
];

/** Written as JSON writes them; a lone surrogate and NUL stand there escaped, and unescaped further down. */
const TEXTS = [
  '""',
  '" "',
  '"\\u0000"',
  '"a\\u0000b"',
  '"\\ud800"',
  '"\\udc00\\ud800"',
  '"\\ufeff"',
  '"\\u202e\\u2066"',
  '"e\\u0301\\u0301\\u0301\\u0301"',
  '"\\uffff"',
  '"\u{1f469}\u200d\u{1f469}\u200d\u{1f467}"',
  '"\\n\\r\\t\\b\\f\\u001b[31m"',
  '"a.b.c"',
  '"*"',
  '">"',
  '"events.>"',
  '"$SRV.PING"',
  '"../../etc/passwd"',
  '"%00%2e%2e%2f"',
  '"__proto__"',
  '"constructor"',
  '"toString"',
  '"hasOwnProperty"',
  '"null"',
  '"NaN"',
  '"1e999"',
  '"-0"',
  '"true"',
  '"\\"; drop table users; --"',
  '"<script>alert(1)</script>"',
  '"$(id){{7*7}}"',
  '"(a+)+$"',
  '"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!"',
  '"u1"',
  '"fuzz-1"',
  '"7d"',
  '"1000000000000d"',
  '"-5m"',
  '"P1D"',
  '"Europe/Berlin"',
  '"Nowhere/At-All"',
];

const SHAPES = [
  "null",
  "true",
  "false",
  "[]",
  "{}",
  "[null]",
  "[[]]",
  '[1,"1",true,null]',
  '{"a":{}}',
  '{"":""}',
  '{"length":-1}',
  '{"toJSON":1}',
  '{"then":1}',
  '{"valueOf":"x","toString":"y"}',
  '{"hasOwnProperty":1}',
  '{"a":1,"a":2}',
  '{"0":1,"1":2}',
];

/** Refused wherever they stand; seldom, for they end what else is wrong with a body. */
const REFUSED = ['{"__proto__":{"admin":true}}', '{"constructor":{"prototype":{"admin":true}}}', '{"__proto__":null}'];

/** What no JSON has: whoever reads it says so. */
const BROKEN = [
  "",
  "NaN",
  "Infinity",
  "undefined",
  "'a'",
  "01",
  "+1",
  ".5",
  "1.",
  "0x10",
  "{",
  "[1,]",
  '"\n"',
  '"\t"',
  '"\\x"',
  "/* */1",
];

export function nastyText(dice: Dice): string {
  const sort = dice.int(0, 99);
  if (sort < 30) return dice.pick(NUMBERS);
  if (sort < 40) return JSON.stringify(dice.pick(DATES));
  if (sort < 68) return dice.pick(TEXTS);
  if (sort < 88) return dice.pick(SHAPES);
  if (sort < 90) return dice.pick(REFUSED);
  if (sort < 92) return dice.pick(BROKEN);
  if (sort < 95) return JSON.stringify("x".repeat(dice.pick([255, 256, 257, 1_023, 1_024, 1_025, 5_000])));
  if (sort < 97) return deep(dice, dice.pick([10, 30, 60, 63, 64, 65, 130]));
  if (sort < 98) return `[${Array.from({ length: dice.int(50, 400) }, (_, index) => index).join()}]`;
  if (sort < 99) return wide(dice.int(50, 400));
  return dice.chance(0.9)
    ? JSON.stringify("é".repeat(dice.pick([10_000, 40_000])))
    : deep(dice, dice.pick([1_000, 10_000, 100_000]));
}

function deep(dice: Dice, levels: number): string {
  return dice.chance(0.5) ? "[".repeat(levels) + "]".repeat(levels) : `${'{"a":'.repeat(levels)}1${"}".repeat(levels)}`;
}

function wide(fields: number): string {
  return `{${Array.from({ length: fields }, (_, index) => `"k${index}":${index}`).join()}}`;
}

/** A place in a tree of JSON, which can be put there, taken away, or joined by another. */
interface Place {
  readonly holder: Record<string, unknown> | unknown[];
  readonly key: string;
}

/** So many changes at random places. The tree given stays as it is. */
export function mutated(dice: Dice, value: unknown, changes: number): unknown {
  const root: { it: unknown } = { it: cloned(value) };
  for (let change = 0; change < changes; change += 1) mutate(dice, root);
  return root.it;
}

function mutate(dice: Dice, root: { it: unknown }): void {
  const places = placesOf(root, dice.chance(0.03));
  if (places.length === 0) {
    root.it = new Raw(nastyText(dice));
    return;
  }
  const { holder, key } = dice.pick(places);
  const at = holder as Record<string, unknown>;
  switch (dice.int(0, 9)) {
    case 0:
      if (Array.isArray(holder)) holder.splice(Number(key), 1);
      else delete at[key];
      return;
    case 1:
      if (Array.isArray(holder)) holder.push(...holder.slice(0, 20));
      else at[dice.pick(NAMES)] = at[key];
      return;
    case 2:
      if (!Array.isArray(holder)) at[dice.pick(NAMES)] = new Raw(nastyText(dice));
      return;
    case 3:
      at[key] = dice.pick<unknown>([[at[key]], { [dice.pick(NAMES)]: at[key] }, [at[key], at[key]]]);
      return;
    case 4: {
      const other = dice.pick(places);
      at[key] = cloned((other.holder as Record<string, unknown>)[other.key]);
      return;
    }
    case 5:
      if (typeof at[key] === "number") at[key] = new Raw(dice.pick(NUMBERS));
      else at[key] = new Raw(dice.pick(TEXTS));
      return;
    default:
      at[key] = new Raw(nastyText(dice));
  }
}

/** Words of events, rules and schemas, so that a field that is added now and then means something. */
const NAMES = [
  ..."userId anonymousId messageId timestamp sentAt context traits properties type event groupId channel integrations".split(
    " ",
  ),
  ..."id name rule kind all any not cart event count window last value gt lt is in trait segment list zone stay enabled".split(
    " ",
  ),
  ..."members mode items attributes dryRun limit cursor product_id products price quantity order_id total currency".split(
    " ",
  ),
  ..."ip userAgent library campaign page referrer url locale timezone device os email phone".split(" "),
  ..."toString valueOf length 0 -1 then".split(" "),
  "",
  " ",
  "a.b",
  "\u0000",
  "é",
];

function placesOf(root: { it: unknown }, withRoot: boolean): Place[] {
  const places: Place[] = withRoot ? [{ holder: root, key: "it" }] : [];
  const walk = (value: unknown): void => {
    if (typeof value !== "object" || value === null || value instanceof Raw) return;
    for (const key of Object.keys(value)) {
      places.push({ holder: value as Place["holder"], key });
      walk((value as Record<string, unknown>)[key]);
    }
  };
  walk(root.it);
  return places;
}

/** As structuredClone, which would make an empty object of what is raw. */
function cloned(value: unknown): unknown {
  if (typeof value !== "object" || value === null || value instanceof Raw) return value;
  if (Array.isArray(value)) return value.map(cloned);
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, cloned(inner)]));
}

/** As JSON.stringify, with what is raw as it is. */
export function rendered(value: unknown): string {
  if (value instanceof Raw) return value.text;
  if (Array.isArray(value)) return `[${value.map(rendered).join(",")}]`;
  if (typeof value === "object" && value !== null) {
    const fields = Object.entries(value).filter(([, inner]) => inner !== undefined);
    return `{${fields.map(([key, inner]) => `${JSON.stringify(key)}:${rendered(inner)}`).join(",")}}`;
  }
  return JSON.stringify(value) ?? "null";
}

/** The bytes of a body, now and then harmed where no tree of JSON could be. */
export function bytesOf(dice: Dice, text: string): Buffer {
  const bytes = Buffer.from(text);
  if (bytes.length === 0 || !dice.chance(0.06)) return bytes;
  const at = dice.int(0, bytes.length - 1);
  switch (dice.int(0, 7)) {
    case 0:
      return bytes.subarray(0, at);
    case 1:
      return Buffer.concat([bytes.subarray(0, at), Buffer.from([0xff, 0xfe, 0xc0, 0x80]), bytes.subarray(at)]);
    case 2:
      return Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), bytes]);
    case 3:
      return Buffer.concat([bytes.subarray(0, at), Buffer.from([0]), bytes.subarray(at)]);
    case 4:
      return Buffer.concat([bytes, bytes]);
    case 5:
      return Buffer.from(text, "utf16le");
    case 6:
      return Buffer.from(text.replace(/^\{/, '{"userId":"u1","userId":"u2",'));
    default: {
      const flipped = Buffer.from(bytes);
      flipped[at]! ^= 1 << dice.int(0, 7);
      return flipped;
    }
  }
}

/** As it stands in a path or a query: printable, without a space; what lies behind the escapes is anything. */
const ESCAPED = [
  ..."%00 %0a%0d %20 %2e%2e %2E%2E%2F .. . ... ~ * > %3E a.b.c $SRV.PING %24 %25 %2500 %ff %c0%80 %E0%A4%A % %% %zz %u0041".split(
    " ",
  ),
  ..."__proto__ constructor toString hasOwnProperty null undefined NaN -1 0 1e999 9007199254740993 00 0x10 true [] {}".split(
    " ",
  ),
  ..."%ED%A0%80 %F0%9F%91%A9 %E2%80%AE %EF%BB%BF u1%40shop.example a%2Fb a%5Cb a;b a,b a|b a=b a&b=c a'b a\"b".split(
    " ",
  ),
  "x".repeat(1_024),
  "x".repeat(1_025),
  "%C3%A9".repeat(1_024),
  "%00".repeat(500),
  "a".repeat(6_000),
];

export function escaped(dice: Dice): string {
  return dice.pick(ESCAPED);
}

export function date(dice: Dice): string {
  return dice.pick(DATES);
}
