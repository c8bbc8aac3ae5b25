// verify compares what partitions told each other: each side is recomputed from its own log.
import { expect, test } from "vitest";
import { ErasureScan } from "../../actors/partition/erasure-scan.ts";
import { erasedOf } from "../../lib/core/erasure.ts";
import type { LinkMessage } from "../../lib/core/links.ts";
import { DEFAULT_LIMITS, type Delta, type LogRecord } from "../../lib/core/types.ts";
import { Oracle, type OracleOptions } from "../../lib/oracle/oracle.ts";
import { entryName, entryText, LedgerBook, phaseName } from "../../lib/ports/erasing.ts";
import { LinkBook } from "../../lib/verify/links.ts";
import { verifyTable } from "../../lib/verify/table.ts";
import { combineReports, type LiveMembership, verifyPartition } from "../../lib/verify/verify.ts";
import { type Hearer, World } from "../oracle/world.ts";

const KEY = "a random key";

const options = (partition: number): OracleOptions => ({
  partition,
  partitions: 2,
  clockMode: "log",
  clockStepMsMax: 1_000,
  limits: DEFAULT_LIMITS,
});

/** Keeps the logs and all that was said. */
class Kept extends World {
  readonly logs: LogRecord[][] = [];
  readonly said: Delta[][] = [];
  readonly oracles: Oracle[] = [];

  protected override hearerOf(partition: number): Hearer {
    const oracle = new Oracle(options(partition));
    // The parent's constructor asks for hearers before fields of ours are there.
    const kept = this as { logs?: LogRecord[][]; said?: Delta[][]; oracles?: Oracle[] };
    return {
      hear: (record) => {
        const deltas = oracle.apply(record);
        kept.logs![partition] = [...(kept.logs![partition] ?? []), record];
        kept.said![partition] = [...(kept.said![partition] ?? []), ...deltas];
        kept.oracles![partition] = oracle;
        return deltas;
      },
      takeLinks: (): LinkMessage[] => oracle.takeLinks(),
    };
  }
}

function told(): Kept {
  const world = new Kept();
  const [ann, acme] = [world.idIn(0, "ann"), world.idIn(1, "acme")];
  world.define("00:00", "pro: {account: {trait: {plan: pro}}}", { kind: "user" });
  world.define("00:01", "busy: {users: {rule: {event: {name: A}}, atLeast: 1}}", { kind: "account" });
  world.group("00:02", ann, acme, { plan: "pro" });
  world.track("00:03", ann, "A");
  expect(world.deliverAll("00:04")).toEqual([`+busy ${acme} 00:04`, `+pro ${ann} 00:04`]);
  return world;
}

function standing(oracle: Oracle): LiveMembership[] {
  return [...oracle.memberships()].flatMap(([segment, members]) =>
    [...members].flatMap(([id, { in: isIn, n, since }]) => (isIn ? [{ segment, id, n, since }] : [])),
  );
}

/** Takes an account out of all logs, as the partitions do it, and gives their ledgers. */
function erase(world: Kept, account: string, revision: number): LedgerBook[] {
  return world.logs.map((records, partition) => {
    const paging = { pageCacheBytesMax: 0, pageBytesMax: 0 };
    const scan = new ErasureScan(revision, erasedOf("account", account, KEY), { ...options(partition), ...paging });
    for (const record of records) scan.take(record);
    const ledger = new LedgerBook();
    ledger.take(entryName(revision, 0), entryText(scan.standIns), 1);
    ledger.take(phaseName(revision, "listed"), JSON.stringify(scan.copy), 2);
    for (const { seq, body, kind } of scan.standIns)
      records[seq - 1] = { ...records[seq - 1]!, kind, body: Buffer.from(body) };
    return ledger;
  });
}

async function verified(world: Kept, ledgers: readonly LedgerBook[] = []) {
  const links = new LinkBook();
  const reports = await Promise.all(
    world.logs.map((records, partition) =>
      verifyPartition({
        options: options(partition),
        records,
        deltas: world.said[partition]!.map((delta, index) => ({ seq: index + 1, delta })),
        memberships: standing(world.oracles[partition]!),
        links,
        ledger: ledgers[partition],
      }),
    ),
  );
  return combineReports(reports, links);
}

test("links that stand as they were said are equal, and counted", async () => {
  const world = told();
  const report = await verified(world);
  const heard = world.logs.flat().filter(({ kind }) => kind === "link").length;
  expect(report).toMatchObject({ equal: true, links: { compared: heard, wrong: { count: 0 } } });
  expect(verifyTable(report)).toContain(`links equal (${heard})`);
});

test("one that says something else than its sender's log derives is told", async () => {
  const world = told();
  const log = world.logs[1]!;
  const at = log.findIndex(({ kind, body }) => kind === "link" && Buffer.from(body).toString().includes('"event"'));
  const other = Buffer.from(log[at]!.body).toString().replace('"name":"A"', '"name":"B"');
  log[at] = { ...log[at]!, body: Buffer.from(other) };
  const report = await verified(world);
  expect(report.equal).toBe(false);
  expect(report.links.wrong.count).toBe(1);
  expect(report.links.wrong.examples[0]).toMatch(
    /^message \d+ from partition 0 to 1 is not what the log of partition 0 derives$/,
  );
  expect(verifyTable(report)).toMatch(/links wrong:\n {2}message \d+ from partition 0/);
});

test.each<[string, (world: Kept, ann: string, acme: string, erasing: () => void) => void]>([
  [
    "what was told of it without traits before",
    (world, ann, acme, erasing) => {
      world.event("00:00", { type: "group", userId: ann, groupId: acme });
      world.deliverAll("00:01");
      erasing();
    },
  ],
  [
    "what was told of it before it heard",
    (world, ann, acme, erasing) => {
      erasing();
      world.group("00:03", ann, acme, { plan: "pro" });
    },
  ],
])("of an erased account its home loses %s, and the sender's log does not: that is not told", async (_, story) => {
  const world = new Kept();
  const [ann, acme] = [world.idIn(0, "ann"), world.idIn(1, "acme")];
  story(world, ann, acme, () => world.control("00:02", { op: "erase", ...erasedOf("account", acme, KEY) }));
  world.deliverAll("00:04");
  const ledgers = erase(world, acme, 1);
  expect(ledgers.map(({ isFaithful }) => isFaithful)).toEqual([true, false]);
  const report = await verified(world, ledgers);
  // That it has heard of the erasure is the one message which is left as it was said.
  expect(report).toMatchObject({ equal: true, links: { compared: 1, wrong: { count: 0 } } });
});
