// Accounts from the command line, against a real server and a real worker: files of them into the logs.
import { afterAll, beforeAll, expect, test } from "vitest";
import { logRecords } from "../../lib/cli/read-streams.ts";
import { partitionOf } from "../../lib/core/ids.ts";
import type { JsonObject } from "../../lib/core/types.ts";
import { streamState } from "../../lib/nats/wire.ts";
import { type CliRig, openCliRig } from "../support/cli-rig.ts";

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
