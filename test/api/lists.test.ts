// Lists as the catalogue keeps them: that they hold whom the control log put on them, and what a change of a long one costs.
import fc from "fast-check";
import { afterEach, describe, expect, test, vi } from "vitest";
import { Catalogue } from "../../lib/api/segments/catalogue.ts";
import { ListMembers, type ListMode } from "../../lib/api/world/list-members.ts";
import { changeList, ListWritten, membersPage } from "../../lib/api/world/lists.ts";
import { SortedIds } from "../../lib/api/world/sorted-ids.ts";
import { erasedOf } from "../../lib/core/erasure.ts";
import { DEFAULT_LIMITS } from "../../lib/core/types.ts";
import { seeds } from "../support/seed.ts";
import { ControlInMemory } from "./control-in-memory.ts";

fc.configureGlobal({ seed: seeds(1)[0]! });

const people = (count: number) => Array.from({ length: count }, (_, index) => `user-${index}`);

async function listed(count: number) {
  const control = new ControlInMemory();
  const catalogue = await Catalogue.open(control, DEFAULT_LIMITS);
  const change = (mode: ListMode, members: readonly string[]) =>
    control.write({ op: "list", id: "crm", mode, members });
  change("add", people(count));
  return { control, catalogue, change };
}

/** While `work` is done, how often others had their turn. */
async function turnsDuring(work: () => Promise<unknown>): Promise<number> {
  let turns = 0;
  let isDone = false;
  const turn = (): void => {
    turns += 1;
    if (!isDone) setImmediate(turn);
  };
  setImmediate(turn);
  await work();
  isDone = true;
  return turns;
}

afterEach(() => vi.restoreAllMocks());

describe("a change of a list", () => {
  /** Ids that are put into some set while `work` is done. */
  function putInto(work: () => void): number {
    const add = vi.spyOn(Set.prototype, "add");
    work();
    const { length } = add.mock.calls;
    add.mockRestore();
    return length;
  }

  test("costs what changes, however many are on it", async () => {
    const [short, long] = [await listed(10), await listed(20_000)];
    const cost = ({ change }: typeof short, mode: ListMode) => putInto(() => change(mode, ["new"]));
    for (const mode of ["add", "remove", "replace"] as const) expect(cost(long, mode)).toBe(cost(short, mode));
    expect([...long.catalogue.lists.get("crm")!]).toEqual(["new"]);
  });

  test("lets others have their turn while it is cut into entries, and while those are looked for who go", async () => {
    const { control, catalogue } = await listed(50_000);
    control.entryBytesMax = 400_000;
    const desk = { control, catalogue, limits: DEFAULT_LIMITS };
    const members = people(70_000).slice(20_000);
    const change = { id: "crm", mode: "replace", members } as const;
    // 50,000 that are given, and 70,000 that are on it until those who go are taken out.
    expect(await turnsDuring(() => changeList(desk, change, new ListWritten()))).toBeGreaterThanOrEqual(59);
    expect([...catalogue.lists.get("crm")!]).toEqual(members);
  });
});

test("an erasure asks few of those on a list whether they are meant, however many are on it", async () => {
  const lists = [await listed(10), await listed(20_000)];
  const [short, long] = lists.map(({ control, catalogue }) => {
    const hashing = vi.spyOn(RegExp.prototype, "test");
    control.write({ op: "erase", ...erasedOf("user", "user-7", "key") });
    const { length } = hashing.mock.calls;
    hashing.mockRestore();
    expect(catalogue.lists.get("crm")!.has("user-7")).toBe(false);
    return length;
  });
  expect(long).toBeLessThan(short! + 10);
});

describe("a change that takes several entries", () => {
  async function longList() {
    const there = await listed(60);
    const { control, catalogue } = there;
    control.entryBytesMax = 400;
    const change = async (mode: ListMode, members: readonly string[], kind?: "account") => {
      const [written, before] = [new ListWritten(), control.entries.length];
      const wish = { id: "crm", mode, members, ...(kind === undefined ? {} : { kind }) };
      await changeList({ control, catalogue, limits: DEFAULT_LIMITS }, wish, written);
      const entries = control.entries.slice(before) as unknown as { mode: ListMode; members: string[] }[];
      expect(written.revisions).toEqual(entries.map((_, index) => before + index + 1));
      return { written, entries: entries.map(({ mode: how, members: ids }) => [how, ids.length]) };
    };
    return { ...there, change, now: () => [...catalogue.lists.get("crm")!] };
  }

  test("writes what differs, and nothing where nothing does", async () => {
    const { change, now } = await longList();
    const then = [...people(60).slice(2), "new"];
    expect((await change("replace", then)).entries).toEqual([
      ["add", 1],
      ["remove", 2],
    ]);
    expect(now()).toEqual(then);
    for (const mode of ["add", "replace"] as const) {
      expect(await change(mode, then)).toMatchObject({ entries: [], written: { members: 59 } });
    }
    expect((await change("remove", people(60))).entries.every(([mode]) => mode === "remove")).toBe(true);
    expect(now()).toEqual(["new"]);
    expect((await change("remove", people(60))).entries).toEqual([]);
  });

  test("knows what others have written that the catalogue has not heard of yet", async () => {
    const { control, change, now } = await longList();
    const late = control.holdBack();
    control.write({ op: "list", id: "crm", mode: "remove", members: ["user-7"] });
    vi.spyOn(control, "lastRevision").mockImplementationOnce(async () => {
      setImmediate(late);
      return control.entries.length;
    });
    expect((await change("add", people(60))).entries).toEqual([["add", 1]]);
    expect(now()).toContain("user-7");
  });

  test("is refused as any other, though nothing differs", async () => {
    const { control, catalogue, change } = await longList();
    await expect(change("add", people(60), "account")).rejects.toThrow(/keeps its kind/);
    control.write({ op: "removeList", id: "crm" });
    await expect(change("remove", people(60))).rejects.toThrow(/There is no list/);
    expect([...catalogue.lists.keys()]).toEqual([]);
  });
});

describe("a page by id", () => {
  const page = ({ catalogue }: Awaited<ReturnType<typeof listed>>, after?: string) =>
    membersPage(catalogue.lists.get("crm")!, {
      isById: true,
      limit: 2,
      place: after === undefined ? undefined : { after },
    });

  test("of a long list lets others have their turn while all are put in order; the next pages need none", async () => {
    const long = await listed(50_000);
    expect(await turnsDuring(() => page(long))).toBeGreaterThanOrEqual(24);
    expect(await turnsDuring(() => page(long, "user-1"))).toBeLessThanOrEqual(1);
    expect(await page(long, "user-49999")).toEqual({ items: ["user-5", "user-50"], next: { after: "user-50" } });
  });

  test("is not put in order anew for one id more", async () => {
    const long = await listed(20_000);
    await page(long);
    long.change("add", ["user-00"]);
    long.change("remove", ["user-1"]);
    const sort = vi.spyOn(Array.prototype, "sort");
    expect(await turnsDuring(() => page(long, "user-0"))).toBeLessThanOrEqual(1);
    expect(sort.mock.contexts.filter((all) => (all as unknown[]).length > 100)).toEqual([]);
    expect((await page(long, "user-0")).items).toEqual(["user-00", "user-10"]);
  });
});

describe("a list", () => {
  /** The list, the same as a plain set, and pages that are being put in order. */
  interface Both {
    readonly list: ListMembers;
    readonly plain: Set<string>;
    readonly asked: { readonly work: Generator<void, string[], void>; readonly expected: () => readonly string[] }[];
  }

  const idAt = (place: number): string => `${place % 10_007}`.padStart(5, "0");
  const place = fc.nat(10_006);
  /** In a row, or scattered. */
  const ids = fc
    .record({ from: place, count: fc.oneof(fc.nat(3), fc.nat(4_000)), by: fc.constantFrom(1, 2, 7_919) })
    .map(({ from, count, by }) => Array.from({ length: count }, (_, index) => idAt(from + index * by)));
  const after = fc.option(place.map(idAt), { nil: undefined });
  const limits = fc.constantFrom(7, Number.POSITIVE_INFINITY);

  function changed(plain: Set<string>, mode: ListMode, members: readonly string[]): void {
    if (mode === "replace") plain.clear();
    for (const id of members) plain[mode === "remove" ? "delete" : "add"](id);
  }

  function pageOf(plain: ReadonlySet<string>, from: string | undefined, limit: number): readonly string[] {
    const rest = [...plain].sort().filter((id) => from === undefined || id > from);
    return rest.slice(0, limit);
  }

  function ask({ list, plain, asked }: Both, from: string | undefined, limit: number): void {
    asked.push({ work: list.after(from, limit), expected: () => pageOf(plain, from, limit) });
  }

  /** Goes on by one breath with one of those who ask; whoever is through has the list as it is now. */
  function goOn({ asked }: Both, which: number): void {
    const one = asked[which % asked.length];
    const step = one?.work.next();
    if (one === undefined || step?.done !== true) return;
    expect(step.value).toEqual(one.expected());
    asked.splice(asked.indexOf(one), 1);
  }

  function erase({ list, plain }: Both, which: number): void {
    const id = [...plain][which % plain.size] ?? "nobody";
    list.forget(erasedOf("user", id, "key"));
    plain.delete(id);
  }

  function steps(): fc.Arbitrary<(both: Both) => void> {
    const step = <T>(what: fc.Arbitrary<T>, take: (both: Both, what: T) => void) =>
      what.map((value) => (both: Both) => take(both, value));
    const modes = fc.constantFrom<ListMode>("add", "add", "remove", "replace");
    return fc.oneof(
      step(fc.tuple(modes, ids), ({ list, plain }, [mode, members]) => {
        list.change(mode, members);
        changed(plain, mode, members);
      }),
      step(fc.tuple(after, limits), (both, [from, limit]) => ask(both, from, limit)),
      step(fc.nat(5), goOn),
      step(fc.constant(0), (both, first) => {
        while (both.asked.length > 0) goOn(both, first);
      }),
      step(place, erase),
      step(place, ({ list, plain }, from) => {
        expect(list.shown(from, 7)).toEqual([...plain].slice(from, from + 7));
      }),
    );
  }

  test("is what a plain set is: who is on it, in the order of coming, and by id in pages of any moment", () => {
    fc.assert(
      fc.property(fc.array(steps(), { maxLength: 40, size: "max" }), (all) => {
        const both: Both = { list: new ListMembers(), plain: new Set(), asked: [] };
        const { list, plain, asked } = both;
        for (const take of all) {
          take(both);
          expect([list.size, list.has(idAt(1))]).toEqual([plain.size, plain.has(idAt(1))]);
        }
        expect([...list]).toEqual([...plain]);
        ask(both, undefined, Number.POSITIVE_INFINITY);
        while (asked.length > 0) goOn(both, 0);
      }),
      { numRuns: 150 },
    );
  });

  test("in its order is a plain set that is sorted, however many come and go", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.boolean(), ids), { maxLength: 12, size: "max" }), after, (all, from) => {
        const [sorted, plain] = [new SortedIds(), new Set<string>()];
        for (const [come, members] of all) {
          for (const id of members) sorted[come ? "add" : "delete"](id);
          changed(plain, come ? "add" : "remove", members);
          expect(sorted.after(from, 7)).toEqual(pageOf(plain, from, 7));
        }
        expect(sorted.after(undefined, plain.size + 1)).toEqual([...plain].sort());
      }),
      { numRuns: 100 },
    );
  });
});
