// The catalogue of what was observed: bounded reading that goes on where it stopped, nothing counted twice, and nothing left of
// whoever was erased. Its routes are test/api/profiles.test.ts's.
import { expect, test } from "vitest";
import { ObservedInLogs } from "../../lib/api/profiles/observed.ts";
import type { KnownErasure } from "../../lib/api/segments/catalogue.ts";
import { erasedOf } from "../../lib/core/erasure.ts";
import { DEFAULT_LIMITS, type LogRecord, type MemberKind } from "../../lib/core/types.ts";
import type { Phases } from "../../lib/ports/erasures.ts";

const PARTITION_MESSAGES = 40_000;

function world() {
  const log: LogRecord[] = [];
  const state = { now: 0 };
  const erasures: KnownErasure[] = [];
  const phases = new Map<number, Phases>();
  const send = (message: object, kind: "event" | "account" = "event") => {
    const body = new TextEncoder().encode(JSON.stringify(message));
    log.push({ seq: (log.at(-1)?.seq ?? 0) + 1, stamp: 1_000 + log.length, kind, body });
  };
  const say = (event: string, properties: object = {}, userId = "ann") =>
    send({ type: "track", userId, event, properties });
  const erase = (kind: MemberKind, id: string) => {
    const revision = erasures.length + 1;
    erasures.push({ revision, at: 1, ...erasedOf(kind, id, "key") });
    return revision;
  };
  let last = 0;
  const observed = new ObservedInLogs({
    log: {
      at: async () => [],
      between: async (_, from, to) => log.filter(({ seq }) => seq >= from && seq <= to),
      bounds: async () => {
        last = Math.max(last, log.at(-1)?.seq ?? 0);
        return { first: 1, last };
      },
    },
    partitions: 1,
    limits: DEFAULT_LIMITS,
    now: () => state.now,
    erasures: () => erasures,
    progress: { phases: async () => phases },
  });
  /** Asks when it is time to read on. */
  const later = () => {
    state.now += 10_000;
    return observed.coverage();
  };
  return { log, phases, send, say, erase, observed, later };
}

test("the newest first, then further back each time, until all is read; what is new comes in between", async () => {
  const { say, observed, later } = world();
  for (let n = 0; n < PARTITION_MESSAGES + 100; n += 1) say(n < 50 ? "Old" : "New");
  expect(await later()).toEqual({ read: PARTITION_MESSAGES, messages: PARTITION_MESSAGES + 100, approximate: true });
  expect(observed.events().map(({ name }) => name)).toEqual(["New"]);
  say("New");
  expect(await later()).toEqual({
    read: PARTITION_MESSAGES + 101,
    messages: PARTITION_MESSAGES + 101,
    approximate: false,
  });
  expect(observed.events().map(({ name, count }) => [name, count])).toEqual([
    ["New", PARTITION_MESSAGES + 51],
    ["Old", 50],
  ]);
  // Soon after, nothing is read again.
  say("New");
  expect((await observed.coverage()).messages).toBe(PARTITION_MESSAGES + 101);
});

test("nothing is told of whoever was erased, however long the messages stay, nor once they have left; who comes back is new", async () => {
  const { log, phases, say, erase, observed, later } = world();
  say("Seen", { email: "ann@shop.example" });
  say("Seen", { email: "bob@shop.example" }, "bob");
  await later();
  const emails = () =>
    observed
      .values({ event: "Seen", property: "email" })
      ?.map(({ value }) => value)
      .sort();
  expect(emails()).toEqual(["ann@shop.example", "bob@shop.example"]);
  const revision = erase("user", "ann");
  await observed.coverage();
  expect(emails()).toEqual(["bob@shop.example"]);
  // A day later they are still there.
  phases.set(revision, new Map([[0, "listed"]]));
  for (let hour = 0; hour < 24; hour += 1) await later();
  expect(emails()).toEqual(["bob@shop.example"]);
  log.shift();
  say("Seen", { email: "new@shop.example" });
  phases.set(revision, new Map([[0, "cleared"]]));
  expect(await later()).toEqual({ read: 3, messages: 3, approximate: false });
  expect(emails()).toEqual(["bob@shop.example", "new@shop.example"]);
});

test("of an erased account neither what users said of it nor what it did is told", async () => {
  const { send, erase, observed, later } = world();
  for (const groupId of ["acme", "zoo"]) {
    send({ type: "group", userId: "ann", groupId, traits: { [`${groupId} by ann`]: 1 } });
    send({ type: "group", groupId, traits: { [`${groupId} itself`]: 1 } }, "account");
    send({ type: "track", groupId, event: `${groupId} paid` }, "account");
  }
  erase("account", "acme");
  await later();
  expect(observed.traits("account").map(({ name }) => name)).toEqual(["zoo by ann", "zoo itself"]);
  expect(observed.events().map(({ name }) => name)).toEqual(["zoo paid"]);
});
