// What is fired: each shot follows from the seed and its number alone, so that one of them can be fired again by itself. Good
// requests made from the OpenAPI document, then harmed; and what is no HTTP at all (broken.ts). fuzz.ts fires, judge.ts judges.

import { gunzipSync, gzipSync } from "node:zlib";
import { fnv1a } from "../../lib/core/ids.ts";
import type { NamedOperation, Parameter } from "../api/contract/operations.ts";
import { goodRequest } from "../api/contract/requests.ts";
import { Dice } from "../support/seed.ts";
import { definitionBody, eventsBody, isDefining, isIngesting, listFile } from "./bodies.ts";
import { brokenShot } from "./broken.ts";
import { bytesOf, escaped, mutated, rendered } from "./nasty.ts";
import type { Sending } from "./wire.ts";

export const GROUPS = ["ingest", "define", "ask", "broken"] as const;
export type Group = (typeof GROUPS)[number];

/** Of a hundred shots so many are of each. Definitions are dear: each of them is played over what there is. */
const SHARES: Readonly<Record<Group, number>> = { ingest: 52, define: 25, ask: 17, broken: 6 };

/** The keys that there are, by role, and one that was revoked. */
export interface Keys {
  readonly admin: string;
  readonly ingest: string;
  readonly read: string;
  readonly masked: string;
  readonly revoked: string;
}

export interface Sent {
  readonly method: string;
  readonly target: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: Buffer | undefined;
  /** What the server makes of the body: that which came compressed, inflated. */
  readonly plain: Buffer | undefined;
}

/** What is sent, and what it is about. */
export interface Shot extends Sending {
  readonly index: number;
  readonly group: Group;
  /** The route, or what is broken. */
  readonly name: string;
  readonly requests: readonly Sent[];
  /** Not a request as HTTP has it: it is answered with a refusal, or the connection ends. */
  readonly isBroken: boolean;
}

/** Within it there is an answer: twice what a request may take (httpTimeoutMs, as rig.ts sets it). */
export const ANSWER_MS_MAX = 20_000;
const PIPELINED_MAX = 8;
const CURSORS_MAX = 20;
const BOMB_BYTES = 64 * 1024 * 1024;

/** People go their own way through it: whom these routes forget, nothing is counted of afterwards. */
const FORGETTING = /^DELETE \/v1\/(users|accounts)\//;
/** They read the whole log, which grows all the while: each more than once would be a test of patience. */
const DEAR = /^POST \/v1\/segments\/(backtest|try)$|^GET \/v1\/catalog\//;
const DEAR_SHARE = 0.06;

let bomb: Buffer | undefined;

export class Shots {
  private readonly cursors: string[] = [];
  private readonly seed: number;
  private readonly port: number;
  private readonly keys: Keys;
  private readonly groups: readonly Group[];
  private readonly operations: Readonly<Record<Exclude<Group, "broken">, readonly NamedOperation[]>>;

  constructor(options: {
    readonly seed: number;
    readonly port: number;
    readonly keys: Keys;
    readonly operations: readonly NamedOperation[];
    readonly groups: readonly Group[];
  }) {
    this.seed = options.seed;
    this.port = options.port;
    this.keys = options.keys;
    this.groups = options.groups;
    const of = (group: Group): NamedOperation[] => options.operations.filter((one) => groupOf(one) === group);
    this.operations = { ingest: of("ingest"), define: of("define"), ask: of("ask") };
  }

  /**
   * The \`next\` of a page is asked for by the next question that takes one. Only this does not follow from seed and number: a
   * shot that is fired again by itself has the cursor that it is shown with.
   */
  noteCursor(text: string): void {
    const next = /"next":"([\w-]+)"/.exec(text)?.[1];
    if (next === undefined) return;
    this.cursors.push(next);
    if (this.cursors.length > CURSORS_MAX) this.cursors.shift();
  }

  groupAt(index: number): Group {
    return this.groupBy(this.diceAt(index));
  }

  at(index: number): Shot {
    const dice = this.diceAt(index);
    const group = this.groupBy(dice);
    if (group === "broken") return brokenShot(dice, index, this.keys.admin);
    const count = dice.chance(0.05) ? dice.int(2, PIPELINED_MAX) : 1;
    const asked = Array.from({ length: count }, (_, part) => this.request(dice, group, `${index}-${part}`));
    return {
      index,
      group,
      name: asked[0]!.operation.name,
      requests: asked.map(({ sent }) => sent),
      methods: asked.map(({ sent }) => sent.method),
      pieces: [{ bytes: Buffer.concat(asked.map(({ sent }) => bytesOfRequest(dice, sent, this.port))) }],
      boundMs: ANSWER_MS_MAX,
      isBroken: false,
    };
  }

  private diceAt(index: number): Dice {
    return new Dice(fnv1a(`${this.seed}/${index}`));
  }

  private groupBy(dice: Dice): Group {
    const total = this.groups.reduce((sum, group) => sum + SHARES[group], 0);
    let left = dice.next() * total;
    for (const group of this.groups) {
      left -= SHARES[group];
      if (left < 0) return group;
    }
    return this.groups[0]!;
  }

  private request(dice: Dice, group: Exclude<Group, "broken">, mark: string) {
    let operation = dice.pick(this.operations[group]);
    while (DEAR.test(operation.name) && !dice.chance(DEAR_SHARE)) operation = dice.pick(this.operations[group]);
    return { operation, sent: this.sent(dice, operation, mark) };
  }

  private sent(dice: Dice, operation: NamedOperation, mark: string): Sent {
    const target = targetOf(dice, operation, this.cursors);
    const text = bodyOf(dice, operation, target, mark);
    const plain = text === undefined ? undefined : bytesOf(dice, text);
    const packed = isIngesting(operation) ? packedOf(dice, plain) : { body: plain, plain, headers: [] };
    return {
      method: methodOf(dice, operation),
      target,
      body: packed.body,
      plain: packed.plain,
      headers: [
        ...keyHeaders(dice, operation, this.keys),
        ...typeHeaders(dice, operation, packed.body),
        ...packed.headers,
        ...otherHeaders(dice, operation),
      ],
    };
  }
}

function groupOf(operation: NamedOperation): Group {
  if (isIngesting(operation)) return "ingest";
  return isDefining(operation) ? "define" : "ask";
}

function methodOf(dice: Dice, { method }: NamedOperation): string {
  if (!dice.chance(0.01)) return method;
  return dice.pick(["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "PROPFIND"]);
}

// ── where ───────────────────────────────────────────────────────────────────────────────────────────────────────────

/** Few, so that what one request makes the next one finds. */
const IDS: Readonly<Record<string, (dice: Dice) => string>> = {
  segments: (dice) => `fuzz-${dice.int(0, 9)}`,
  lists: (dice) => dice.pick(["crm", "dmp", "employees", "vip"]),
  users: (dice) => `u${dice.int(0, 39)}`,
  accounts: (dice) => dice.pick(["acme", "globex", "initech"]),
  items: (dice) => dice.pick(["sku-1", "p1", "p2"]),
};

function targetOf(dice: Dice, operation: NamedOperation, cursors: readonly string[]): string {
  const parameters = operation.operation.parameters ?? [];
  const isForgetting = FORGETTING.test(operation.name);
  const path = operation.path.replaceAll(/\{([^}]+)\}/g, (_, name: string) => {
    if (isForgetting) return `gone-${dice.int(0, 3)}`;
    const parameter = parameters.find((one) => one.in === "path" && one.name === name)!;
    return pathValueOf(dice, operation, parameter);
  });
  const query = parameters.filter((one) => one.in === "query").flatMap((one) => queryPartsOf(dice, one, cursors));
  if (dice.chance(0.02))
    query.push(dice.pick(["nonsense=1", "__proto__=1", "a[b]=c", "=", "&&&", "%00=%00", "a", "?"]));
  return query.length === 0 ? path : `${path}?${query.join("&")}`;
}

function pathValueOf(dice: Dice, { path }: NamedOperation, parameter: Parameter): string {
  if (dice.chance(0.12)) return escaped(dice);
  const known = IDS[path.split("/")[2] ?? ""];
  if (parameter.name === "id" && known !== undefined && dice.chance(0.8)) return known(dice);
  return encodeURIComponent(exampleOf(parameter) ?? "x");
}

function queryPartsOf(dice: Dice, parameter: Parameter, cursors: readonly string[]): string[] {
  const { name, required } = parameter;
  if (dice.chance(required === true ? 0.03 : 0.6)) return [];
  const value = dice.chance(0.25) ? escaped(dice) : queryValueOf(dice, parameter, cursors);
  return dice.chance(0.02) ? [`${name}=${value}`, `${name}=${value}`] : [`${name}=${value}`];
}

function queryValueOf(dice: Dice, parameter: Parameter, cursors: readonly string[]): string {
  const { name, schema } = parameter;
  if (name === "cursor") return dice.chance(0.5) && cursors.length > 0 ? dice.pick(cursors) : cursor(dice);
  if (schema.enum !== undefined) return encodeURIComponent(String(dice.pick(schema.enum)));
  if (schema.type === "integer") return String(dice.pick([1, 2, 10, schema.maximum ?? 50, schema.minimum ?? 0]));
  if (schema.type === "boolean") return dice.pick(["true", "false", ""]);
  const found = QUERIED[name];
  return found === undefined ? encodeURIComponent(exampleOf(parameter) ?? "x") : encodeURIComponent(dice.pick(found));
}

/** What a query may mean, where its name says it. */
const QUERIED: Readonly<Record<string, readonly string[]>> = {
  segments: [
    "fuzz-0,fuzz-1",
    "fuzz-2,fuzz-2",
    "fuzz-1,nobody",
    "fuzz-0",
    ",",
    Array.from({ length: 12 }, (_, n) => `fuzz-${n}`).join(),
  ],
  in: ["fuzz-0", "fuzz-0,fuzz-1"],
  out: ["fuzz-2", "fuzz-0"],
  segment: ["fuzz-0", "fuzz-1", "fuzz-2"],
  user: ["u0", "u1", "u2"],
  account: ["acme", "globex"],
  columns: ["id,since", "traits.plan", "cart", "nonsense", "traits.__proto__", "traits.a.b.c", ","],
  topics: [
    "sizes",
    "changes,events",
    "segment:fuzz-0",
    "user:u1,account:acme",
    "user:%",
    "user:*",
    "segment:a.b",
    "nonsense",
    "operations",
  ],
  q: ["u", "u1", "a@", "ac", "x", "%", "plan"],
  from: ["1", "2", "2026-11-23T10:00:00.000Z", "2026-01-01", "-1", "x"],
  to: ["1", "2", "2026-11-23T11:00:00.000Z", "+275760-09-13T00:00:00.000Z", "x"],
  since: ["2026-11-23T10:00:00.000Z", "1h", "-1h", "x"],
  event: ["Product Added", "Order Completed", "nonsense", "toString"],
  property: ["price", "product_id", "products.price", "__proto__"],
  trait: ["plan", "constructor", "a.b"],
};

/** Written as the routes write theirs, so that some are taken for one of theirs. */
function cursor(dice: Dice): string {
  const where = dice.pick<unknown>([
    0,
    1,
    -1,
    1e21,
    "u1",
    "fuzz-1",
    "",
    null,
    [0, 0],
    [1, 2],
    [-1, -1],
    [1e15, 1e300],
    [0, "u1"],
    ["u1", 0],
    [
      [0, 0],
      [0, 0],
    ],
    { at: 0 },
    "__proto__",
    "x".repeat(400),
  ]);
  return dice.chance(0.9)
    ? Buffer.from(JSON.stringify(where)).toString("base64url")
    : dice.pick(["=", "e30", "%00", "x".repeat(512)]);
}

function exampleOf(parameter: Parameter): string | undefined {
  const { example, schema } = parameter as Parameter & { readonly example?: unknown };
  const value = example ?? schema.examples?.[0];
  return value === undefined ? undefined : String(value);
}

// ── what ────────────────────────────────────────────────────────────────────────────────────────────────────────────

function bodyOf(dice: Dice, operation: NamedOperation, target: string, mark: string): string | undefined {
  if (operation.operation.requestBody === undefined) return dice.chance(0.02) ? "{}" : undefined;
  if (dice.chance(0.01)) return "";
  if (isIngesting(operation)) return rendered(eventsBody(dice, operation, mark));
  if (operation.name.endsWith("/upload")) return listFile(dice);
  const own = definitionBody(dice, operation, target);
  const good = own ?? (JSON.parse(goodRequest(operation).body!) as unknown);
  return rendered(mutated(dice, good, dice.chance(0.5) ? 0 : dice.int(1, 4)));
}

interface Packed {
  readonly body: Buffer | undefined;
  readonly plain: Buffer | undefined;
  readonly headers: readonly (readonly [string, string])[];
}

function packedOf(dice: Dice, plain: Buffer | undefined): Packed {
  if (plain === undefined || !dice.chance(0.12)) return { body: plain, plain, headers: [] };
  const headers = [["content-encoding", "gzip"]] as const;
  const packed = gzipSync(plain);
  switch (dice.int(0, 9)) {
    case 0:
      return { body: packed.subarray(0, dice.int(0, packed.length - 1)), plain: undefined, headers };
    case 1:
      return { body: plain, plain: undefined, headers };
    case 2:
      return {
        body: packed,
        plain: undefined,
        headers: [["content-encoding", dice.pick(["br", "deflate", "gzip, gzip", "x", ""])]],
      };
    case 3:
      bomb ??= gzipSync(Buffer.alloc(BOMB_BYTES, 0x20));
      return { body: dice.chance(0.1) ? bomb : packed, plain, headers };
    case 4: {
      const flipped = Buffer.from(packed);
      flipped[dice.int(0, flipped.length - 1)]! ^= 1 << dice.int(0, 7);
      return { body: flipped, plain: unpacked(flipped), headers };
    }
    case 5:
      return { body: Buffer.concat([packed, Buffer.from("what follows")]), plain, headers };
    default:
      return { body: packed, plain, headers };
  }
}

/** Undefined for what cannot be read. */
function unpacked(bytes: Buffer): Buffer | undefined {
  try {
    return gunzipSync(bytes);
  } catch {
    return undefined;
  }
}

// ── by whom, and how ────────────────────────────────────────────────────────────────────────────────────────────────

function keyHeaders(dice: Dice, operation: NamedOperation, keys: Keys): [string, string][] {
  const sort = dice.int(0, 99);
  const right = isIngesting(operation) && dice.chance(0.6) ? keys.ingest : keys.admin;
  if (sort < 86) return [["authorization", `Bearer ${right}`]];
  if (sort < 91) return [["authorization", `Basic ${Buffer.from(`${right}:`).toString("base64")}`]];
  if (sort < 95) return [["authorization", `Bearer ${dice.pick([keys.read, keys.masked, keys.ingest, keys.revoked])}`]];
  return dice.pick<[string, string][]>([
    [],
    [["authorization", ""]],
    [["authorization", "Bearer"]],
    [["authorization", "Basic %%%"]],
    [["authorization", `Basic ${Buffer.from("\0:\0:\0").toString("base64")}`]],
    [["authorization", `Bearer ${keys.admin.slice(0, -1)}`]],
    [["authorization", `Bearer rk_aaaaaaaaaa_${"A".repeat(43)}`]],
    [["authorization", `Bearer ${"x".repeat(8_000)}`]],
    [["authorization", "Bearer __proto__"]],
  ]);
}

const TYPES = [
  "application/json; charset=utf-8",
  "application/json; charset=utf-16",
  "application/json;",
  "APPLICATION/JSON",
  "application/json, text/plain",
  "text/plain",
  "text/csv",
  "text/html",
  "application/xml",
  "application/x-www-form-urlencoded",
  "multipart/form-data; boundary=x",
  "application/merge-patch+json",
  "x",
  "/",
  "",
];

function typeHeaders(dice: Dice, operation: NamedOperation, body: Buffer | undefined): [string, string][] {
  if (body === undefined && !dice.chance(0.02)) return [];
  if (dice.chance(0.06)) return dice.chance(0.2) ? [] : [["content-type", dice.pick(TYPES)]];
  const types = Object.keys(operation.operation.requestBody?.content ?? { "application/json": {} });
  return [["content-type", dice.pick(types)]];
}

function otherHeaders(dice: Dice, operation: NamedOperation): [string, string][] {
  const takesMatch = operation.operation.parameters?.some(({ name }) => name === "if-match") === true;
  const matches: [string, string][] =
    takesMatch && dice.chance(0.4)
      ? [["if-match", dice.pick(['"1"', '"2"', "*", '""', "1", 'W/"1"', '"x"', '"1", "2"', '"-1"'])]]
      : [];
  if (!dice.chance(0.08)) return matches;
  return [
    ...matches,
    dice.pick<[string, string]>([
      ["origin", "https://evil.example"],
      ["sec-fetch-site", "cross-site"],
      ["traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"],
      ["traceparent", "zz"],
      ["user-agent", "\xff\xfe"],
      ["x-forwarded-for", "1.2.3.4, 5.6.7.8"],
      ["x-forwarded-for", ",,,"],
      ["accept", "*/*;q=0"],
      ["accept-encoding", "gzip, br;q=nonsense"],
      ["last-event-id", "x".repeat(500)],
      ["range", "bytes=0-1"],
      ["if-none-match", "*"],
      ["cookie", "a=b; c"],
      ["expect", "100-continue"],
      ["accept-version", "9.9.9"],
      ["x-http-method-override", "DELETE"],
    ]),
  ];
}

function bytesOfRequest(dice: Dice, sent: Sent, port: number): Buffer {
  const isChunked = sent.body !== undefined && dice.chance(0.15);
  return requestBytes(sent, port, isChunked ? chunksOf(dice, sent.body) : undefined);
}

/** One request as HTTP/1.1 has it: with its length, or in chunks. */
export function requestBytes(
  { method, target, headers, body }: Sent,
  port: number,
  chunks?: readonly Buffer[],
): Buffer {
  const framing =
    body === undefined
      ? ""
      : chunks === undefined
        ? `content-length: ${body.length}\r\n`
        : "transfer-encoding: chunked\r\n";
  const lines = headers.map(([name, value]) => `${name}: ${value}\r\n`).join("");
  const head = Buffer.from(
    `${method} ${target} HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\n${lines}${framing}\r\n`,
    "latin1",
  );
  return Buffer.concat([head, ...(chunks ?? (body === undefined ? [] : [body]))]);
}

function chunksOf(dice: Dice, body: Buffer): Buffer[] {
  const chunks: Buffer[] = [];
  for (let at = 0; at < body.length; ) {
    const size = Math.min(body.length - at, dice.pick([1, 7, 100, 4_096, 65_536]) * (body.length > 10_000 ? 50 : 1));
    chunks.push(Buffer.from(`${size.toString(16)}\r\n`), body.subarray(at, at + size), Buffer.from("\r\n"));
    at += size;
  }
  return [...chunks, Buffer.from("0\r\n\r\n")];
}
