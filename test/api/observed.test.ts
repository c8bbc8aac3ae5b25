// The catalogue of what was observed: bounded reading that goes on where it stopped, nothing counted twice, and nothing left of
// whoever was erased. Its routes are test/api/profiles.test.ts's.
import { expect, test } from "vitest";
import { ObservedInLogs } from "../../lib/api/profiles/observed.ts";
import { DEFAULT_LIMITS, type LogRecord } from "../../lib/core/types.ts";

const PARTITION_MESSAGES = 40_000;

function world() {
  const log: LogRecord[] = [];
  const state = { now: 0, erasures: 0 };
  const say = (event: string, properties: object = {}) => {
    const body = new TextEncoder().encode(JSON.stringify({ type: "track", userId: "ann", event, properties }));
    log.push({ seq: (log.at(-1)?.seq ?? 0) + 1, stamp: 1_000 + log.length, kind: "event", body });
  };
  let last = 0;
  const observed = new ObservedInLogs({
    log: {
      at: async () => [],
      before: async (_, seq, count) => log.filter((record) => record.seq < seq && record.seq >= seq - count),
      bounds: async () => {
        last = Math.max(last, log.at(-1)?.seq ?? 0);
        return { first: 1, last };
      },
    },
    partitions: 1,
    limits: DEFAULT_LIMITS,
    now: () => state.now,
    erasures: () => state.erasures,
  });
  /** Asks when it is time to read on. */
  const later = () => {
    state.now += 10_000;
    return observed.coverage();
  };
  return { log, state, say, observed, later };
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

test("after an erasure all is read anew, also once the messages have left the log", async () => {
  const { log, state, say, observed, later } = world();
  say("Seen", { email: "ann@shop.example" });
  say("Seen", { email: "bob@shop.example" });
  await later();
  const emails = () =>
    observed
      .values({ event: "Seen", property: "email" })
      ?.map(({ value }) => value)
      .sort();
  expect(emails()).toEqual(["ann@shop.example", "bob@shop.example"]);
  state.erasures = 1;
  await observed.coverage();
  // The word came before the messages went.
  expect(emails()).toEqual(["ann@shop.example", "bob@shop.example"]);
  log.shift();
  state.now += 60_000;
  expect(await observed.coverage()).toEqual({ read: 2, messages: 2, approximate: false });
  expect(emails()).toEqual(["bob@shop.example"]);
});
