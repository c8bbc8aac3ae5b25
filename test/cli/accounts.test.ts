// Accounts from the command line, against a real server and a real worker: files of them into the logs,
// and what is known of them.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { logRecords } from "../../lib/cli/read-streams.ts";
import { partitionOf } from "../../lib/core/ids.ts";
import type { JsonObject } from "../../lib/core/types.ts";
import { streamState } from "../../lib/nats/wire.ts";
import { type CliRig, openCliRig } from "../support/cli-rig.ts";
import { PATIENTLY } from "../support/nats.ts";

const PARTITIONS = 4;
let rig: CliRig;
beforeAll(async () => {
  rig = await openCliRig(PARTITIONS);
});
afterAll(() => rig.close());

/** What the logs hold of accounts, in the partition of each. */
async function told(): Promise<JsonObject[]> {
  const nc = await rig.server.connection("reader");
  const found: JsonObject[] = [];
  for (let partition = 0; partition < PARTITIONS; partition += 1) {
    const { last } = await streamState(nc, rig.server.names.eventsStream(partition));
    for await (const { kind, body } of logRecords(nc, rig.server.names, partition, last)) {
      if (kind !== "account") continue;
      const message = JSON.parse(Buffer.from(body).toString()) as JsonObject;
      expect(partitionOf(String(message.groupId), PARTITIONS)).toBe(partition);
      found.push(message);
    }
  }
  return found.sort((a, b) => (String(a.groupId) < String(b.groupId) ? -1 : 1));
}

test("accounts come in from a CSV file, numbers as numbers; a wrong row is told with its line; a second time is resumed", async () => {
  const rows = Array.from({ length: 20 }, (_, index) => `org-${String(index).padStart(2, "0")},trial,${index + 1}`);
  const path = await rig.fileOf("companies.csv", ["id,plan,seats", ...rows, "org-99,team,lots"].join("\n"));
  const first = await rig.rollcall("import", path, "--accounts", "--type", "seats=number");
  expect(first).toMatchObject({ code: 0 });
  expect(first.out).toContain("companies.csv: 20 rows stored, 1 refused");
  expect(first.err).toContain('line 22: seats is "lots", which is not a number');
  const all = await told();
  expect(all).toHaveLength(20);
  expect(all[4]).toEqual({ type: "group", groupId: "org-04", traits: { plan: "trial", seats: 5 } });
  const again = await rig.rollcall("import", path, "--accounts", "--type", "seats=number", "--resume");
  expect(again.out).toContain("0 rows stored, 1 refused, 20 already in");
  expect(await told()).toHaveLength(20);
});

test("what does not go together is said before anything is stored", async () => {
  const path = await rig.fileOf("a.csv", "id,seats\nacme,1\n");
  const map = await rig.fileOf("users.map.yaml", "user: id\nevent: Seen\n");
  const messages = async (...flags: string[]): Promise<string> => {
    const { code, out, err } = await rig.rollcall("import", path, ...flags);
    expect({ code, out }).toEqual({ code: 2, out: "" });
    return err;
  };
  expect(await messages("--type", "seats=number")).toContain("add --accounts");
  expect(await messages("--accounts", "--map", map)).toContain("maps rows of users");
  expect(await messages("--accounts", "--type", "seats=amount")).toContain("the type one of text, number");
  expect(await messages()).toContain("Where the rows are accounts, say --accounts");
});

test("a trait that no account ever had is warned of, and one of people is not one of theirs", async () => {
  const path = await rig.fileOf("traits.csv", "id,plan,seats\nacme,trial,5\n");
  expect(await rig.rollcall("import", path, "--accounts", "--type", "seats=number")).toMatchObject({ code: 0 });
  const rules = "all: [{ trait: { plan: trial, seets: 5 } }, { users: { rule: { trait: { seats: 5 } }, count: 0 } }]";
  const file = await rig.fileOf("seets.yaml", `id: small\nkind: account\nrule: { ${rules} }\n`);
  const { err } = await rig.rollcall("segments", "apply", "--dry-run", file);
  expect(err).toMatch(/seets: never seen: no trait of an account "seets" is among .* \(did you mean seats\?\)/);
  expect(err).toContain('rule.all[1].users.rule.trait.seats: never seen: no trait "seats" is among');
  expect(err).not.toContain('"plan"');
});

describe("what is known of accounts", () => {
  const ACTIVE = "did Report Viewed";
  beforeAll(async () => {
    const busy =
      "id: busy\nname: Busy\nkind: account\nrule:\n  users: { rule: { event: { name: Report Viewed } }, atLeast: 2 }\n";
    const plan = "id: on-trial\nname: On trial\nkind: account\nrule: { trait: { plan: trial } }\n";
    const people =
      "id: of-trials\nname: Of trials\nrule:\n  account: { all: [{ trait: { plan: trial } }, { trait: { seats: { gte: 5 } } }] }\n";
    for (const [name, text] of Object.entries({ busy, plan, people })) {
      const path = await rig.fileOf(`${name}.yaml`, text);
      expect(await rig.rollcall("segments", "apply", path), name).toMatchObject({ code: 0 });
    }
    const nc = await rig.server.connection("channel");
    const tell = (subject: string, body: object) => nc.request(subject, JSON.stringify(body), PATIENTLY);
    await tell("accounts.acme", { type: "group", groupId: "acme", traits: { plan: "trial", seats: 3 } });
    for (const userId of ["ann", "bob", "cy"]) {
      await tell(`events.${userId}`, { type: "group", userId, groupId: "acme" });
      if (userId !== "cy") await tell(`events.${userId}`, { type: "track", userId, event: "Report Viewed" });
    }
    await rig.caughtUp();
  });

  test("an account: its traits, how many people, how many its rules count, its segments", async () => {
    const { out } = await rig.rollcall("account", "acme");
    expect(out).toMatch(/^acme {2}account\nseen .*\nusers +3\n +2 {2}did Report Viewed\nsegments +busy +since /);
    expect(out).toMatch(/on-trial +since .*\ntraits +plan {2}"trial"\n +seats {2}3\n/);
    const json = JSON.parse((await rig.rollcall("account", "acme", "-o", "json")).out);
    expect(json).toMatchObject({
      id: "acme",
      users: 3,
      usersByRule: { [ACTIVE]: 2 },
      orders: { count: 0, revenue: 0 },
    });
    expect(new Date(json.firstSeen).toISOString()).toBe(json.firstSeen);
    expect((await rig.rollcall("user", "ann")).out).toMatch(/\naccount +acme {2}since /);
  });

  test("its users, and those whom a segment counts", async () => {
    const all = await rig.rollcall("account", "acme", "--users");
    expect(all.err).toBe("3 users\n");
    expect(all.out).toMatch(/^USER +ROLE +SINCE +LAST SEEN\nann +– +\d.*\nbob .*\ncy .*\n$/);
    const some = await rig.rollcall("account", "acme", "--users", "--limit", "1");
    expect(some.err).toBe("1 of 3 users; --limit shows more\n");
    const counted = await rig.rollcall("account", "acme", "--users", "--rule", "busy");
    expect(counted).toMatchObject({ out: "USER\nann\nbob\n", err: `2 of 3 users: ${ACTIVE}\n` });
    const json = JSON.parse((await rig.rollcall("account", "acme", "--users", "--rule", "busy", "-o", "json")).out);
    expect(json).toEqual([{ rule: ACTIVE, on: 2, of: 3, users: ["ann", "bob"] }]);
    expect((await rig.rollcall("account", "acme", "--users", "--rule", "on-trial")).err).toContain("counts nobody");
    expect((await rig.rollcall("account", "nobody")).err).toContain('No message has named an account "nobody" yet');
  });

  test("members of a segment of accounts are accounts, and ls and show say so", async () => {
    expect(await rig.rollcall("members", "busy")).toMatchObject({ err: "1 account\n" });
    expect((await rig.rollcall("members", "busy")).out).toMatch(/^ACCOUNT +SINCE +CHANGES\nacme /);
    expect((await rig.rollcall("segments", "ls")).out).toMatch(/busy +account +1 +live/);
    expect((await rig.rollcall("segments", "show", "busy")).out).toContain("1 account · live · version 1");
  });

  test("why an account is in: how many of how many, and who", async () => {
    const { out } = await rig.rollcall("explain", "busy", "acme");
    expect(out).toContain("2 of 3 users, wanted at least 2");
    expect(out).toMatch(/\n +ann, bob\n/);
    const json = JSON.parse((await rig.rollcall("explain", "busy", "acme", "-o", "json")).out);
    expect(json).toMatchObject({ segment: "busy", account: "acme", in: true });
    expect(json.explanation.nodes[0].users).toEqual({ rule: ACTIVE, on: 2, of: 3, ids: ["ann", "bob"] });
    const wrong = await rig.rollcall("explain", "busy", "ann");
    expect(wrong.code).toBe(2);
    expect(wrong.err).toContain('"ann" is a user of acme; ask about that account.');
  });

  test("why somebody's account keeps them out: its own explanation stands inside", async () => {
    const { out } = await rig.rollcall("explain", "of-trials", "ann");
    expect(out).toMatch(/✗ belong to one of the accounts.* · account acme\n/);
    expect(out).toMatch(/\n└─ ✗ all\n +├─ ✓ trait plan · is trial/);
    expect(out).toMatch(/\n +└─ ✗ trait seats · is 3, wanted at least 5/);
  });

  test("the past of rules that look across is played over all logs together", async () => {
    const rule = "rule:\n  all: [{ segment: { in: [busy] } }, { users: { rule: { trait: { x: 1 } }, count: 0 } }]\n";
    const path = await rig.fileOf("again.yaml", `id: again\nname: Again\nkind: account\n${rule}`);
    const tried = await rig.rollcall("segments", "try", "--history", path);
    expect(tried.out).toMatch(/\n1 of \d+ accounts would be in/);
    const tested = await rig.rollcall("segments", "backtest", path, "--days", "1");
    expect(tested.out).toMatch(/0 before, 1 joined, 0 left: 1 now, of \d+ who are known/);
    const then = await rig.rollcall("explain", "busy", "acme", "--at", new Date(await rig.clock()).toISOString());
    expect(then.out).toContain("acme is in busy since ");
    expect(then.out).toMatch(/2 of 3 users, wanted at least 2\n +ann, bob\n/);
    const before = await rig.rollcall("explain", "busy", "acme", "--at", "2020-01-01T00:00:00Z");
    expect(before.err).toContain('no message has named an account "acme" by then');
  });

  test("what was said of accounts, and what partitions told each other, is what the logs say", async () => {
    const verified = await rig.rollcall("replay", "--verify");
    expect(verified).toMatchObject({ code: 0 });
    expect(verified.out).toMatch(/memberships equal \([1-9]\d*\), deltas equal \([1-9]\d*\), links equal \([1-9]\d*\)/);
    const { out } = await rig.rollcall("doctor", "--all");
    expect(out).toMatch(/^ok +sample +[1-9]\d* members recomputed from all .* the owners agree about all of them/m);
  });
});
