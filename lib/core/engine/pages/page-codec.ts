// A page of actors as bytes and back: msgpack arrays by position, with the texts that recur (segments, counters, lists)
// in a dictionary of the page's own, so that a page can be read without anything else. Bump FORMAT on any change.
import { Packr, Unpackr } from "msgpackr";
import type { Json, JsonObject, MemberId, MemberKind } from "../../types.ts";
import type { CounterState } from "../counting/counters.ts";
import type { Belonging, Crowd, People } from "../member/accounts.ts";
import { type Actor, type CartLine, earliestOf, type Order } from "../member/actor.ts";
import { ownAsList, ownFromList } from "../member/currencies.ts";
import { trailAsSteps, trailFromSteps } from "../member/trail.ts";
import type { Given, VisitDetail, VisitList } from "../member/visits.ts";

const FORMAT = 6;

const packr = new Packr({ useRecords: false, moreTypes: false, variableMapSize: true, useToJSON: false });
const unpackr = new Unpackr({ useRecords: false, moreTypes: false, mapsAsObjects: true });

class Dictionary {
  readonly texts: string[] = [];
  readonly #numbers = new Map<string, number>();

  number(text: string): number {
    let number = this.#numbers.get(text);
    if (number === undefined) {
      number = this.texts.push(text) - 1;
      this.#numbers.set(text, number);
    }
    return number;
  }
}

/** Who is on a page: members by kind, and the crowds of accounts whose users are in this partition. */
export interface PageContents {
  readonly user: Map<MemberId, Actor>;
  readonly account: Map<MemberId, Actor>;
  readonly crowds: Map<MemberId, Crowd>;
}

export function encodePage({ user, account, crowds }: PageContents): Uint8Array {
  const dictionary = new Dictionary();
  const users = Array.from(user.values(), (actor) => encodeActor(actor, dictionary));
  const accounts = Array.from(account.values(), (actor) => encodeActor(actor, dictionary));
  const places = Array.from(crowds, ([id, crowd]) => [id, flat(crowd)]);
  // msgpackr gives a view on its own buffer, which the next call overwrites.
  return Uint8Array.from(packr.pack([FORMAT, dictionary.texts, users, accounts, places]));
}

/** Throws Error on bytes that are no page of this format. */
export function decodePage(bytes: Uint8Array): PageContents {
  const [format, written, users, accounts, places] = unpackr.unpack(bytes) as [
    ...[number, string[], unknown[][], unknown[][]],
    [MemberId, number[]][],
  ];
  if (format !== FORMAT) throw new Error(`page format ${String(format)} is not ${FORMAT}: written by another version`);
  const texts = written.map(shared);
  const actorsOf = (kind: MemberKind, rows: unknown[][]) =>
    new Map(rows.map((row) => [row[0] as MemberId, decodeActor(row, texts, kind)]));
  const crowds = new Map(places.map(([id, crowd]) => [id, numbered(crowd)]));
  return { user: actorsOf("user", users), account: actorsOf("account", accounts), crowds };
}

/** Another actor that says the same and shares nothing. */
export function copyOf(actor: Actor): Actor {
  const contents: PageContents = { user: new Map(), account: new Map(), crowds: new Map() };
  contents[actor.kind].set(actor.id, actor);
  return decodePage(encodePage(contents))[actor.kind].get(actor.id)!;
}

function flat(counts: ReadonlyMap<number, number>): number[] {
  return [...counts].flat();
}

function numbered(written: readonly number[]): Map<number, number> {
  const counts = new Map<number, number>();
  for (let at = 0; at < written.length; at += 2) counts.set(written[at]!, written[at + 1]!);
  return counts;
}

const known = new Map<string, string>();
const KNOWN_MAX = 1_000_000;

/** One string object for every text that recurs: looking up a key that is the very same object costs no comparison. */
function shared(text: string): string {
  const found = known.get(text);
  if (found !== undefined) return found;
  if (known.size < KNOWN_MAX) known.set(text, text);
  return text;
}

function encodeActor(actor: Actor, dictionary: Dictionary): unknown[] {
  return [
    actor.id,
    actor.traits,
    actor.traitTimes,
    actor.contextZone ?? null,
    actor.cart.map(({ productId, variant, quantity, prices, item }) => [
      ...[productId, variant ?? null, quantity, prices.any ?? null, item],
      ownAsList(prices, orNull),
    ]),
    [actor.cartChanged.any ?? null, ownAsList(actor.cartChanged, orNull)],
    actor.orders.map(encodeOrder),
    actor.visits.map(({ idleMs, times, sealed, outside, due }) => [idleMs, times, sealed, outside, due]),
    actor.visits.map(({ details }) => details?.map(encodeDetail) ?? null),
    actor.firstSeen,
    actor.lastSeen,
    actor.newest,
    actor.lists === undefined ? null : [...actor.lists].map((list) => dictionary.number(list)),
    [...actor.memberships].flatMap(([segment, held]) => [
      dictionary.number(segment),
      held.in ? held.n : -held.n,
      held.since,
    ]),
    [...actor.counters].map(([key, state]) => encodeCounter(dictionary.number(key), state)),
    actor.valueDue,
    actor.waits === undefined ? null : [...actor.waits].flatMap(([segment, at]) => [dictionary.number(segment), at]),
    actor.due,
    [...actor.kept].map(([key, { due, data }]) => [dictionary.number(key), due, data]),
    actor.place ?? null,
    actor.network ?? null,
    actor.device ?? null,
    // As lists of entries: a type or an id is any text, and the packer renames a key "__proto__".
    Object.entries(actor.identities).map(([type, ids]) => [dictionary.number(type), ids]),
    Object.entries(actor.objects).map(([type, ofType]) => [dictionary.number(type), Object.entries(ofType)]),
    actor.account === undefined ? null : encodeBelonging(actor.account, dictionary),
    actor.people === undefined ? null : encodePeople(actor.people, dictionary),
    trailAsSteps(actor.trail),
    actor.floor,
  ];
}

function encodeBelonging({ id, home, seq, since, on }: Belonging, dictionary: Dictionary): unknown[] {
  return [id, home, seq, since, on === undefined ? null : Array.from(on, (flag) => dictionary.number(flag))];
}

function decodeBelonging(row: unknown[], texts: readonly string[]): Belonging {
  const on = row[4] as number[] | null;
  return {
    id: row[0] as MemberId,
    home: row[1] as number,
    seq: row[2] as number,
    since: row[3] as number,
    on: on === null ? undefined : new Set(on.map((number) => texts[number]!)),
  };
}

function encodePeople({ crowd, holds, users }: People, dictionary: Dictionary): unknown[] {
  return [flat(crowd), [...holds].flatMap(([flag, count]) => [dictionary.number(flag), count]), users];
}

function decodePeople(row: unknown[], texts: readonly string[]): People {
  return {
    crowd: numbered(row[0] as number[]),
    holds: pairs(row[1] as number[], texts),
    users: row[2] as number,
  };
}

function encodeOrder(order: Order): unknown[] {
  return [
    order.id ?? null,
    order.seq,
    order.at,
    order.zone,
    order.visiting,
    order.readAt,
    order.readZone,
    order.money.any.total,
    order.money.any.gone,
    order.sealed,
    order.quantity,
    order.products,
    order.coupon,
    order.currency,
    ownAsList(order.money, ({ total, gone }) => [total, gone] as const),
  ];
}

function orNull<T>(value: T | undefined): T | null {
  return value ?? null;
}

function orUndefined<T>(value: T | null): T | undefined {
  return value ?? undefined;
}

function encodeDetail(detail: VisitDetail | undefined): unknown[] | null {
  if (detail === undefined) return null;
  const { events, pages, zone, entry, page, channel, source, place, device } = detail;
  const given = [entry, page, channel, source, place, device];
  return [events, pages, zone, ...given.flatMap((one) => (one === undefined ? [null, null] : [one.at, one.value]))];
}

function decodeVisits(row: unknown[], details: (unknown[] | null)[] | null): VisitList {
  return {
    idleMs: row[0] as number,
    times: row[1] as number[],
    sealed: row[2] as number,
    outside: row[3] as number[],
    due: row[4] as number,
    details: details?.map(decodeDetail),
  };
}

function decodeDetail(row: unknown[] | null): VisitDetail | undefined {
  if (row === null) return undefined;
  const given = <T>(at: number): Given<T> | undefined =>
    row[at] === null ? undefined : { at: row[at] as number, value: row[at + 1] as T };
  return {
    events: row[0] as number,
    pages: row[1] as number,
    zone: shared(row[2] as string),
    entry: given(3),
    page: given(5),
    channel: given(7),
    source: given(9),
    place: given(11),
    device: given(13),
  };
}

function encodeCounter(key: number, state: CounterState): unknown[] {
  const row: unknown[] = [key, state.shown, state.shownB, state.due, state.a, state.b, state.last];
  const { waiting } = state;
  if (state.keys.length > 0 || state.set !== undefined || waiting !== undefined) {
    row.push(state.keys, state.as, state.bs);
  }
  if (state.set !== undefined || state.sets !== undefined || waiting !== undefined) {
    row.push(state.set === undefined ? null : [...state.set], state.sets?.map((set) => [...set]) ?? null);
  }
  if (waiting !== undefined) row.push(waiting);
  return row;
}

// biome-ignore lint/suspicious/noExplicitAny: rows are read by position, exactly as encodeActor wrote them
function decodeActor(row: any[], texts: readonly string[], kind: MemberKind): Actor {
  const memberships: Actor["memberships"] = new Map();
  const held = row[13] as number[];
  for (let at = 0; at < held.length; at += 3) {
    const n = held[at + 1]!;
    memberships.set(texts[held[at]!]!, { in: n > 0, n: Math.abs(n), since: held[at + 2]! });
  }
  const waits = row[16] as number[] | null;
  const counters = new Map<string, CounterState>(
    row[14].map((counter: unknown[]) => [texts[counter[0] as number]!, decodeCounter(counter)]),
  );
  const kept: Actor["kept"] = new Map(
    row[18].map(([key, due, data]: [number, number, unknown]) => [texts[key]!, { due, data }]),
  );
  const visits: VisitList[] = row[7].map((list: unknown[], index: number) => decodeVisits(list, row[8][index]));
  return {
    id: row[0],
    kind,
    account: row[24] === null ? undefined : decodeBelonging(row[24], texts),
    people: row[25] === null ? undefined : decodePeople(row[25], texts),
    traits: bare(row[1]),
    traitTimes: bare(row[2]),
    contextZone: row[3] ?? undefined,
    cart: row[4].map(
      (line: unknown[]): CartLine => ({
        productId: line[0] as string,
        variant: (line[1] ?? undefined) as CartLine["variant"],
        quantity: line[2] as number,
        prices: { any: orUndefined(line[3] as number | null), ...ownFromList(line[5] as OwnNumbers, orUndefined) },
        item: line[4] as CartLine["item"],
      }),
    ),
    cartChanged: { any: orUndefined(row[5][0]), ...ownFromList(row[5][1] as OwnNumbers, orUndefined) },
    orders: row[6].map(decodeOrder),
    visits,
    firstSeen: row[9],
    lastSeen: row[10],
    newest: row[11],
    trail: trailFromSteps(row[26]),
    lists: row[12] === null ? undefined : new Set(row[12].map((number: number) => texts[number]!)),
    memberships,
    floor: row[27],
    counters,
    kept,
    place: row[19] ?? undefined,
    network: row[20] ?? undefined,
    device: row[21] ?? undefined,
    identities: bareOf(row[22].map(([type, ids]: [number, string[]]) => [texts[type]!, ids])),
    objects: bareOf(row[23].map(([type, ofType]: [number, [string, JsonObject][]]) => [texts[type]!, bareOf(ofType)])),
    viewing: waitingCounters(counters),
    counterDue: earliestOf({ counters, kept, visits }),
    valueDue: row[15],
    waits: waits === null ? undefined : pairs(waits, texts),
    due: row[17],
  };
}

/** Only looked for where it is needed: it follows from the counters. */
function waitingCounters(counters: ReadonlyMap<string, CounterState>): Set<string> | undefined {
  let keys: Set<string> | undefined;
  for (const [key, { waiting }] of counters) {
    if (waiting === undefined) continue;
    keys ??= new Set();
    keys.add(key);
  }
  return keys;
}

function pairs(flat: readonly number[], texts: readonly string[]): Map<string, number> {
  const map = new Map<string, number>();
  for (let at = 0; at < flat.length; at += 2) map.set(texts[flat[at]!]!, flat[at + 1]!);
  return map;
}

/** Objects that hold people's own keys have no prototype. */
function bare<T>(object: Record<string, T>): Record<string, T> {
  return Object.assign(Object.create(null) as Record<string, T>, object);
}

function bareOf<T>(entries: readonly (readonly [string, T])[]): Record<string, T> {
  const object = Object.create(null) as Record<string, T>;
  for (const [key, value] of entries) object[key] = value;
  return object;
}

type Own<W> = readonly (readonly [string, W])[] | null;
type OwnNumbers = Own<number | null>;

function decodeOrder(row: unknown[]): Order {
  return {
    id: (row[0] ?? undefined) as string | undefined,
    seq: row[1] as number,
    at: row[2] as number,
    zone: row[3] as string,
    visiting: row[4] as boolean,
    readAt: row[5] as number,
    readZone: row[6] as string,
    money: {
      any: { total: row[7] as number, gone: row[8] as boolean },
      ...ownFromList(row[14] as Own<[number, boolean]>, ([total, gone]) => ({ total, gone })),
    },
    sealed: row[9] as boolean,
    quantity: row[10] as number,
    products: row[11] as Order["products"],
    coupon: row[12] as Json,
    currency: row[13] as Json,
  };
}

function decodeCounter(row: unknown[]): CounterState {
  const set = row[10] as (string | number)[] | null | undefined;
  const sets = row[11] as (string | number)[][] | null | undefined;
  return {
    shown: row[1] as number,
    shownB: row[2] as number,
    due: row[3] as number,
    a: row[4] as number,
    b: row[5] as number,
    last: row[6] as number,
    keys: (row[7] as number[] | undefined) ?? [],
    as: (row[8] as number[] | undefined) ?? [],
    bs: (row[9] as number[] | undefined) ?? [],
    set: set === null || set === undefined ? undefined : new Set(set),
    sets: sets === null || sets === undefined ? undefined : sets.map((values) => new Set(values)),
    waiting: row[12] as CounterState["waiting"],
  };
}
