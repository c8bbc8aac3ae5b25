// Decisions at the owner's desk: parked until the log's position has passed, answered late but answered, never lost.
import { beforeEach, expect, test } from "vitest";
import { Answers } from "../../actors/partition/answers.ts";
import type { Shelf } from "../../actors/partition/shelf.ts";
import type { PartitionMachine } from "../../lib/core/partition.ts";
import type { Question, Reply } from "../../lib/ports/questions.ts";
import { VirtualRuntime } from "../support/virtual-runtime.ts";

const HELD = [
  { id: "big", n: 1, since: 5 },
  { id: "vip", n: 3, since: 7 },
];

let runtime: VirtualRuntime;
let machine: { position: number };
let answers: Answers;
let woken: number;

beforeEach(() => {
  runtime = new VirtualRuntime(1);
  woken = 0;
  machine = {
    position: 10,
    pageOf: () => 1,
    isResident: () => true,
    segmentsOf: (id: string) => (id === "ann" ? HELD : undefined),
  } as unknown as { position: number };
  const shelf = {} as Shelf;
  const status = () => {
    throw new Error("nobody asks for the status");
  };
  const wake = () => {
    woken += 1;
  };
  answers = new Answers({ machine: machine as unknown as PartitionMachine, shelf, runtime, status, wake });
});

interface Asked {
  reply: Reply | undefined;
}

function ask(question: Omit<Extract<Question, { op: "decide" }>, "op">): Asked {
  const asked: Asked = { reply: undefined };
  void answers.ask({ op: "decide", ...question }).then((reply) => {
    asked.reply = reply;
  });
  return asked;
}

/** What the loop does when a step has ended. */
async function passed(position: number): Promise<void> {
  machine.position = position;
  answers.passed(position);
  while (answers.pending) await answers.answerNext();
  await runtime.advance(0);
}

test("what needs no position is answered at once: all segments, those asked for, and nobody", async () => {
  const [all, some, nobody] = [ask({ id: "ann" }), ask({ id: "ann", segments: ["vip", "other"] }), ask({ id: "bob" })];
  await passed(10);
  expect(all.reply).toEqual({ ok: true, position: 10, known: true, fresh: true, segments: HELD });
  expect(some.reply).toMatchObject({ segments: [HELD[1]] });
  expect(nobody.reply).toEqual({ ok: true, position: 10, known: false, fresh: true, segments: [] });
});

test("a decision waits for its position and no longer, whatever others wait for", async () => {
  const [far, near, reached] = [
    ask({ id: "ann", after: 13 }),
    ask({ id: "ann", after: 12 }),
    ask({ id: "ann", after: 10 }),
  ];
  await passed(11);
  expect([far.reply, near.reply]).toEqual([undefined, undefined]);
  expect(reached.reply).toMatchObject({ fresh: true });
  await passed(12);
  expect(near.reply).toMatchObject({ position: 12, fresh: true });
  expect(far.reply).toBeUndefined();
  await passed(20);
  expect(far.reply).toMatchObject({ position: 20, fresh: true });
});

test("after its time it is answered as things are, and says that it is not fresh", async () => {
  const asked = ask({ id: "ann", after: 99, waitMs: 200 });
  await runtime.advance(199);
  await passed(11);
  expect(asked.reply).toBeUndefined();
  await runtime.advance(1);
  expect(woken).toBe(1);
  await passed(11);
  expect(asked.reply).toMatchObject({ position: 11, fresh: false, segments: HELD });
});

test("who was answered in time wakes nobody later", async () => {
  ask({ id: "ann", after: 11, waitMs: 200 });
  await passed(11);
  await runtime.advance(10_000);
  expect(woken).toBe(0);
});

test("no question can wait for ever, or too short to be asked", async () => {
  const asked = [1e9, Number.NaN, "long", Number.POSITIVE_INFINITY].map((waitMs) =>
    ask({ id: "ann", after: 99, waitMs: waitMs as number }),
  );
  const atOnce = ask({ id: "ann", after: 99, waitMs: 0 });
  await passed(11);
  expect(atOnce.reply).toMatchObject({ fresh: false });
  await runtime.advance(10_000);
  await passed(11);
  expect(asked.map(({ reply }) => reply)).toEqual(asked.map(() => expect.objectContaining({ fresh: false })));
});

test("the desk closes: whoever waits is told, and no timer is left", async () => {
  const asked = ask({ id: "ann", after: 99 });
  answers.close("the partition has moved; ask again");
  await runtime.advance(20_000);
  expect(asked.reply).toEqual({ ok: false, error: "the partition has moved; ask again" });
  expect([woken, answers.pending]).toEqual([0, false]);
});

test("those who wait for a position count among the questions that wait", async () => {
  const asked = Array.from({ length: 1_001 }, () => ask({ id: "ann", after: 11 }));
  await runtime.advance(0);
  expect(asked.at(-1)!.reply).toMatchObject({ ok: false, error: expect.stringContaining("too many questions") });
  await passed(11);
  expect(asked.slice(0, -1).every(({ reply }) => reply?.ok === true)).toBe(true);
});
