// What the parts of the contract suite share: the open world with its two clients, partitions nobody else touches, readers, and
// the protocol's own way out of doubt. Below suite.ts and the parts beside it.
import { afterAll, afterEach, beforeAll, expect } from "vitest";
import type { LogRecord, PartitionNo } from "../../lib/core/types.ts";
import type { DeltaSink, Saying, StoredSaying, Watermark } from "../../lib/ports/delta-sink.ts";
import type { Refusal } from "../../lib/ports/errors.ts";
import type { EventLog, Fingerprint, LogReading, ReadOptions } from "../../lib/ports/event-log.ts";
import type { Published } from "../../lib/ports/publishing.ts";
import type { PartitionWorld, World } from "../../lib/ports/world.ts";
import { until } from "../support/until.ts";
import { type ContractWorld, type OpenWorld, PARTITIONS } from "./worlds.ts";

/** Partitions without a log: speaking and remembering need none, and a server makes no stream for them. */
const WITHOUT_LOG = 1_000;

interface Fresh {
  readonly p: PartitionNo;
  readonly mine: PartitionWorld;
  readonly theirs: PartitionWorld;
  /** Through a line of its own, which a test may spoil. */
  readonly far: PartitionWorld;
}

export interface Here {
  readonly world: OpenWorld;
  readonly a: World;
  readonly b: World;
  /** Its line is the one to spoil: `world.cut("far")`. */
  readonly far: World;
  freshLog(): Fresh;
  fresh(): Fresh;
}

/** Opened once for all tests of a world, and closed after them. */
export function useWorld({ open }: ContractWorld): Here {
  let world: OpenWorld | undefined;
  let clients: World[] = [];
  let logs = 0;
  let others = WITHOUT_LOG;
  beforeAll(async () => {
    world = await open();
    clients = [await world.client("a"), await world.client("b"), await world.client("far")];
  });
  afterAll(() => world?.close());
  // A server that was started again is not heard by everybody at once; the next test begins when it is.
  afterEach(async () => {
    await world?.calm();
    for (const client of clients) await insist("every client is back", () => client.control.lastRevision());
  });
  const freshAt = (p: PartitionNo): Fresh => {
    const [mine, theirs, far] = clients.map((client) => client.partition(p));
    return { p, mine: mine!, theirs: theirs!, far: far! };
  };
  return {
    get world() {
      return world!;
    },
    get a() {
      return clients[0]!;
    },
    get b() {
      return clients[1]!;
    },
    get far() {
      return clients[2]!;
    },
    freshLog: () => {
      expect(logs).toBeLessThan(PARTITIONS);
      logs += 1;
      return freshAt(logs - 1);
    },
    fresh: () => {
      others += 1;
      return freshAt(others);
    },
  };
}

export const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
export const text = (body: Uint8Array): string => new TextDecoder().decode(body);
export const upTo = (last: number, first = 1): number[] =>
  Array.from({ length: last - first + 1 }, (_, index) => first + index);

export function saying(id: string, n: number, change: "joined" | "left" = "joined"): Saying {
  return { deltaId: `s/${id}/${n}`, segment: "s", change, body: JSON.stringify({ id, n }) };
}

export function sayings(id: string, count: number): Saying[] {
  return upTo(count).map((n) => saying(id, n));
}

export function watermark(nonce: string, done = 0): Watermark {
  return { epoch: 1, owner: "me", nonce, done, from: 1, digest: "0".repeat(16), fingerprint: null, revision: 0 };
}

export const idsOf = (said: readonly { readonly deltaId: string }[] | undefined): string[] | undefined =>
  said?.map(({ deltaId }) => deltaId);

/** The sequence of what was stored; anything else fails the test. */
export async function stored(outcome: Promise<Published>): Promise<number> {
  const published = await outcome;
  if (published.kind !== "stored") throw new Error(`not stored: ${JSON.stringify(published)}`);
  return published.seq;
}

/** Asks until it is answered, as after a restart. */
export async function insist<T>(what: string, ask: () => Promise<T>): Promise<T> {
  let answer: { readonly value: T } | undefined;
  await until(`an answer: ${what}`, async () => {
    answer = await ask().then(
      (value) => ({ value }),
      () => undefined,
    );
    return answer !== undefined;
  });
  return answer!.value;
}

export interface Settled {
  /** Of the watermark that ended the doubt. */
  readonly fence: number;
  readonly found: readonly StoredSaying[];
}

/** After an unknown answer: a new watermark by compare-and-set, and what is stored before it. As the speaker does. */
export async function settle(sink: DeltaSink, fence: number, from: number, known: readonly string[]): Promise<Settled> {
  const nonces = new Set(known);
  let mine = 0;
  await until("the doubt to end", async () => {
    const nonce = `settles ${nonces.size}`;
    nonces.add(nonce);
    const outcome = await sink.putWatermark(fence, watermark(nonce));
    if (outcome.kind === "stored") mine = outcome.seq;
    else if (outcome.kind === "fenced") {
      const record = await insist("the watermark", () => sink.readWatermark());
      expect([...nonces], "the watermark that is stored").toContain(record?.value.nonce);
      mine = record!.seq;
    }
    return mine > 0;
  });
  const found = await insist("what is stored", () => sink.scan(from, mine));
  expect(found, "my watermark is the newest").toBeDefined();
  return { fence: mine, found: found! };
}

/** Events 1 … count, each with its number. */
export async function fill(log: EventLog, count: number, first = 1): Promise<void> {
  for (const index of upTo(first + count - 1, first)) await stored(log.append("event", `{"i":${index}}`));
}

export interface Read {
  readonly reading: LogReading;
  readonly records: LogRecord[];
  readonly seqs: number[];
  fault: Refusal | undefined;
}

/** Reads as an actor does: takes a few whenever something waits. */
export function read(log: EventLog, after: Fingerprint | undefined): Read {
  const result = readSlowly(log, after, 10, () => takeAll(result, 3));
  return result;
}

/** Takes nothing by itself. */
export function readSlowly(
  log: EventLog,
  after: Fingerprint | undefined,
  recordsMax: number,
  onReadable: () => void = () => undefined,
  bounds: Pick<ReadOptions, "bytesMax" | "recordBytesMax"> = {},
): Read {
  const records: LogRecord[] = [];
  const result: Read = {
    reading: undefined as never,
    records,
    fault: undefined,
    get seqs() {
      return records.map(({ seq }) => seq);
    },
  };
  const onFault = (error: Refusal): void => {
    expect(result.fault, "a fault is told once").toBeUndefined();
    result.fault = error;
  };
  return Object.defineProperty(result, "reading", {
    value: log.read({ after, recordsMax, ...bounds, onReadable, onFault }),
  });
}

export function takeAll({ reading, records }: Read, max: number): void {
  for (let some = reading.take(max); some.length > 0; some = reading.take(max)) records.push(...some);
}

export function untilRead(reader: Read, count: number): Promise<void> {
  return until(`${count} records`, () => reader.records.length >= count || reader.fault !== undefined);
}

export async function refusalOf(reader: Read): Promise<Refusal> {
  await until("a refusal", () => reader.fault !== undefined);
  return reader.fault!;
}
