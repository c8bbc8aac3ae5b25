// Answers about all members of a segment: complete and without repeats, whatever pages do meanwhile. The machine is a table of
// pages that split when it pleases the test; a whole partition is asked in test/simulation.
import { expect, test } from "vitest";
import { Answers } from "../../actors/partition/answers.ts";
import type { Shelf } from "../../actors/partition/shelf.ts";
import { systemRuntime } from "../../actors/worker/system-runtime.ts";
import type { PartitionMachine } from "../../lib/core/partition.ts";

interface Pages {
  readonly members: Map<number, string[]>;
  readonly resident: Set<number>;
}

/** Whenever pages may leave memory, `onEvict` has its say. */
function answersOver(pages: Pages, onEvict: () => void): Answers {
  const size = new Set([...pages.members.values()].flat()).size;
  const machine = {
    position: 1,
    clock: 1,
    universe: size,
    sizes: () => new Map([["s", size]]),
    pageNumbers: () => [...pages.members.keys()],
    isResident: (page: number) => pages.resident.has(page),
    membersOn: (page: number) => pages.members.get(page)!.map((id) => ({ id, n: 1, since: 0 })),
    crowdPage: () => 1,
    crowdPages: () => [...pages.members.keys()],
    usersOn: (page: number) => pages.members.get(page)!.map((id) => ({ id, holds: id < "c" ? ["active"] : [] })),
    evictPages: () => {
      onEvict();
      return [];
    },
  } as unknown as PartitionMachine;
  const shelf = { has: () => false, spill: () => undefined } as unknown as Shelf;
  return new Answers({
    machine,
    shelf,
    runtime: systemRuntime,
    status: () => {
      throw new Error("nobody asks for the status");
    },
    wake: () => undefined,
  });
}

async function membersOf(answers: Answers, limit?: number): Promise<string[]> {
  const reply = answers.ask({ op: "members", segment: "s", ...(limit === undefined ? {} : { limit }) });
  await answers.answerNext();
  return ((await reply) as unknown as { members: { id: string }[] }).members.map(({ id }) => id);
}

async function usersOf(answers: Answers, rule?: string, limit?: number): Promise<string[]> {
  const asked = { ...(rule === undefined ? {} : { rule }), ...(limit === undefined ? {} : { limit }) };
  const reply = answers.ask({ op: "accountUsers", account: "acme", ...asked });
  await answers.answerNext();
  return ((await reply) as unknown as { users: { id: string }[] }).users.map(({ id }) => id);
}

test("a page that splits before it was looked at is looked at as two", async () => {
  const pages: Pages = {
    members: new Map([
      [1, ["a"]],
      [2, ["b", "c"]],
    ]),
    resident: new Set([1, 2]),
  };
  const answers = answersOver(pages, () => {
    if (pages.members.has(3)) return;
    pages.members.set(2, ["b"]);
    pages.members.set(3, ["c"]);
  });
  expect((await membersOf(answers)).sort()).toEqual(["a", "b", "c"]);
});

test("a page that splits after it was looked at counts nobody twice", async () => {
  const pages: Pages = {
    members: new Map([
      [1, ["a", "b"]],
      [2, ["c"]],
    ]),
    resident: new Set([1]),
  };
  const answers = answersOver(pages, () => {
    if (pages.members.has(3)) return;
    pages.members.set(1, ["a"]);
    pages.members.set(3, ["b"]);
    pages.resident.add(3);
  });
  expect((await membersOf(answers)).sort()).toEqual(["a", "b", "c"]);
});

test("no more pages are looked at than it takes", async () => {
  const pages: Pages = {
    members: new Map([
      [1, ["a"]],
      [2, ["b", "c"]],
      [3, ["d"]],
    ]),
    resident: new Set([2]),
  };
  let evictions = 0;
  const answers = answersOver(pages, () => {
    evictions += 1;
  });
  expect(await membersOf(answers, 2)).toEqual(["b", "c"]);
  expect(evictions).toBe(1);
});

test("an account's users are looked for on its crowd's pages, those of one rule by its text", async () => {
  const pages: Pages = {
    members: new Map([
      [1, ["a", "d"]],
      [2, ["b", "c"]],
    ]),
    resident: new Set([1, 2]),
  };
  const splitOnce = (): void => {
    if (pages.members.has(3)) return;
    pages.members.set(2, ["b"]);
    pages.members.set(3, ["c"]);
  };
  expect((await usersOf(answersOver(pages, splitOnce))).sort()).toEqual(["a", "b", "c", "d"]);
  expect(
    (
      await usersOf(
        answersOver(pages, () => {}),
        "active",
      )
    ).sort(),
  ).toEqual(["a", "b"]);
  expect(
    await usersOf(
      answersOver(pages, () => {}),
      undefined,
      1,
    ),
  ).toEqual(["a"]);
});
