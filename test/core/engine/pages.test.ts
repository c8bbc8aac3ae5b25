// Pages split by the hashes of ids. Whoever shares one stays together, so an account that is larger than a page, with its crowd and a
// user of the same id beside it, is left as it is: each split would double the directory and part nobody.
import { expect, test } from "vitest";
import { newActor } from "../../../lib/core/engine/member/actor.ts";
import { PageTable } from "../../../lib/core/engine/pages/pages.ts";

test("those of one id are never split for their size, those of several are", () => {
  const table = new PageTable({ pageBytesMax: 10, pageCacheBytesMax: 1 });
  const ids = ["acme", "b.c", "zoo"];
  for (const id of ids) {
    for (const kind of ["account", "user"] as const) table.addActor(table.get(table.pageOf(id)), newActor(kind, id, 0));
    table.crowdMoves(id, "u1", 1);
  }
  for (let picture = 0; picture < 14; picture += 1) {
    table.freeze();
    while (table.nextFrozen() !== undefined);
    for (const id of ids) table.willChange(table.get(table.pageOf(id)));
  }
  expect(new Set(ids.map((id) => table.pageOf(id))).size).toBe(ids.length);
  const depths = table.freeze().entries.map(([, depth]) => depth);
  // As many bits as it takes to tell three hashes apart, and no more.
  expect(Math.max(...depths)).toBeLessThan(7);
  expect(table.evict().length).toBe(ids.length - 1);
});
