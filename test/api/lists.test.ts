// Lists as the catalogue keeps them: that they hold whom the control log put on them, and what a change of a long one costs.
import { afterEach, describe, expect, test, vi } from "vitest";
import { Catalogue } from "../../lib/api/segments/catalogue.ts";
import type { ListMode } from "../../lib/api/world/list-members.ts";
import { DEFAULT_LIMITS } from "../../lib/core/types.ts";
import { ControlInMemory } from "./control-in-memory.ts";

const people = (count: number) => Array.from({ length: count }, (_, index) => `user-${index}`);

async function listed(count: number) {
  const control = new ControlInMemory();
  const catalogue = await Catalogue.open(control, DEFAULT_LIMITS);
  const change = (mode: ListMode, members: readonly string[]) =>
    control.write({ op: "list", id: "crm", mode, members });
  change("add", people(count));
  return { control, catalogue, change };
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
});
