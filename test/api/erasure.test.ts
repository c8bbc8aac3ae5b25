// What an erasure says at once: its revision. What it does is test/actors/'s.
import { expect, test } from "vitest";
import { erasureStates, forget, NoSuchId } from "../../lib/api/operations/erasure.ts";
import { Catalogue } from "../../lib/api/segments/catalogue.ts";
import { erasedOf } from "../../lib/core/erasure.ts";
import { DEFAULT_LIMITS } from "../../lib/core/types.ts";
import type { ErasurePhase, ErasureWait } from "../../lib/ports/erasing.ts";
import { ExportFilesInMemory, JobsInMemory } from "../support/jobs-in-memory.ts";
import { ControlInMemory } from "./control-in-memory.ts";
import { statusOf } from "./status-of.ts";

async function opened() {
  const control = new ControlInMemory();
  return { control, catalogue: await Catalogue.open(control, DEFAULT_LIMITS), limits: DEFAULT_LIMITS };
}

test("it writes an entry that does not say who, and gives its revision", async () => {
  const services = await opened();
  const { control, catalogue } = services;
  control.write({ op: "list", id: "vips", mode: "add", members: ["ann", "bob"] });
  control.write(null as never);
  expect(await forget(services, "user", "ann")).toBe(3);
  expect(JSON.stringify(control.entries.at(-1))).not.toContain("ann");
  expect(catalogue.erasures).toMatchObject([{ revision: 3, kind: "user" }]);
  expect([...catalogue.lists.get("vips")!]).toEqual(["bob"]);
});

test("how far it is, and what each partition that is not through waits for, and what was exported before it", async () => {
  const { control, catalogue } = await opened();
  control.write({ op: "erase", ...erasedOf("user", "ann", "key") });
  control.write({ op: "erase", ...erasedOf("user", "bob", "key") });
  const step = (waits: ErasureWait, until: number | null = null) => ({ erasing: [{ revision: 1, waits, until }] });
  const fold = { from: 1, position: 0, perSecond: 0, failed: null };
  const folding = [
    { ...fold, revision: 9, segments: ["vip"] },
    { ...fold, revision: 8, segments: ["big"], failed: "trimmed" },
  ];
  const ran = { owner: "w", revision: 1 };
  const statuses = [
    null,
    statusOf(1, "w", { ...ran, phase: "restoring" }),
    statusOf(2, "w", { ...ran, revision: 0 }),
    statusOf(3, "w", { ...ran, folding, ...step("folds") }),
    statusOf(4, "w", { ...ran, folding, ...step("others") }),
    statusOf(5, "w", ran),
    statusOf(6, "w", { ...ran, ...step("work") }),
    statusOf(7, "w", { ...ran, ...step("hold", Date.UTC(2026, 10, 24)) }),
    // It was asked before it was through.
    statusOf(8, "w", { ...ran, ...step("work") }),
  ];
  const phases = new Map<number, ErasurePhase>([
    [0, "cleared"],
    [6, "listed"],
    [7, "cleared"],
    [8, "deleted"],
  ]);
  const jobs = new JobsInMemory();
  const files = new ExportFilesInMemory();
  await files.write("export-00000000000a", 0, Buffer.from("u1"));
  const outOfControlLog = async () => new Set([2]);
  const erasures = { phases: async () => new Map([[1, phases]]), outOfControlLog };
  const [second, first] = await erasureStates(catalogue, erasures, { jobs, files }, statuses);
  expect(first).toMatchObject({ heard: 8, listed: 4, cleared: 3, deleted: 1, partitions: 9, state: "under way" });
  const waits = first!.waits.map((wait) => [wait.for, wait.partitions, wait.segments, wait.until]);
  expect(waits).toEqual([
    ["owner", [0, 1], [], null],
    ["entry", [2], [], null],
    ["others", [4], [], null],
    ["folds", [3], ["vip"], null],
    ["turn", [5], [], null],
    ["work", [6], [], null],
    ["hold", [7], [], Date.UTC(2026, 10, 24)],
    ["definitions", [], [], null],
    ["exports", [], [], null],
  ]);
  expect(first!.waits.map(({ message }) => message)).toContain("history is folded for vip: partition 3");
  expect(second).toMatchObject({ revision: 2, heard: 0, listed: 0 });
});

test("one that is over waits for nothing", async () => {
  const { control, catalogue } = await opened();
  control.write({ op: "erase", ...erasedOf("user", "ann", "key") });
  const phases = new Map([[1, new Map([[0, "deleted" as const]])]]);
  const erasures = { phases: async () => phases, outOfControlLog: async () => new Set([1]) };
  const exported = { jobs: new JobsInMemory(), files: new ExportFilesInMemory() };
  const states = await erasureStates(catalogue, erasures, exported, [null]);
  expect(states).toMatchObject([{ heard: 1, listed: 1, cleared: 1, deleted: 1, state: "done", waits: [] }]);
});

test("what can be nobody's id is refused, and nothing is written", async () => {
  const services = await opened();
  for (const id of ["", "x".repeat(DEFAULT_LIMITS.idBytesMax + 1), "\ud800"])
    await expect(forget(services, "user", id)).rejects.toThrow(NoSuchId);
  expect(services.control.entries).toEqual([]);
});
