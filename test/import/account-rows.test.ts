// Accounts from files without a mapping: the id, traits with the types that were named, and what is said of a row that is wrong.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import type { Json } from "../../lib/core/types.ts";
import { accountsMapping } from "../../lib/import/account-rows.ts";
import { importFile } from "../../lib/import/run.ts";
import type { CellType } from "../../lib/import/values.ts";

const folder = mkdtempSync(join(tmpdir(), "rollcall-accounts-"));
afterAll(() => rmSync(folder, { recursive: true }));

interface Read {
  readonly messages: Json[];
  readonly kinds: readonly string[];
  readonly rejects: readonly string[];
}

async function read(name: string, text: string, types: Record<string, CellType> = {}, id = "id"): Promise<Read> {
  const path = join(folder, name);
  writeFileSync(path, text);
  const messages: Json[] = [];
  const kinds = new Set<string>();
  const rejects: string[] = [];
  await importFile({
    path,
    mapping: accountsMapping(path, { id, types: new Map(Object.entries(types)) }),
    partitions: 1,
    clock: "log",
    storedUpTo: new Map(),
    enrich: (message) => message,
    write: async (_partition, _line, body, kind) => {
      messages.push(JSON.parse(Buffer.from(body).toString()) as Json);
      kinds.add(kind);
    },
    refusal: () => undefined,
    onReject: ({ line, reason }) => void rejects.push(`${line}: ${reason}`),
    onProgress: () => {},
  });
  return { messages, kinds: [...kinds], rejects };
}

test("columns are text where nothing else is said; an empty cell says nothing", async () => {
  const csv = "id,name,seats,renews,vip,tags\n007,Acme,12,2026-12-01,yes,a|b\nbeta,,,,,\n";
  const types = { seats: "number", renews: "date", vip: "boolean", tags: "list" } as const;
  expect(await read("a.csv", csv, types)).toEqual({
    kinds: ["account"],
    rejects: [],
    messages: [
      {
        type: "group",
        groupId: "007",
        traits: { name: "Acme", seats: 12, renews: "2026-12-01T00:00:00.000Z", vip: true, tags: ["a", "b"] },
      },
      { type: "group", groupId: "beta", traits: {} },
    ],
  });
  expect((await read("b.tsv", "org\tseats\nacme\t7\n", {}, "org")).messages).toEqual([
    { type: "group", groupId: "acme", traits: { seats: "7" } },
  ]);
});

test("JSON lines keep their types, null takes a trait away, and a type that is named is insisted on", async () => {
  const lines = [
    { id: 42, seats: 8, "a.b": [1], plan: null },
    { id: "beta", seats: "9" },
    { id: "gamma", seats: "many" },
  ];
  const text = lines.map((line) => JSON.stringify(line)).join("\n");
  expect(await read("a.jsonl", text, { seats: "number" })).toEqual({
    kinds: ["account"],
    rejects: ['3: seats is "many", which is not a number'],
    messages: [
      { type: "group", groupId: "42", traits: { seats: 8, "a.b": [1], plan: null } },
      { type: "group", groupId: "beta", traits: { seats: 9 } },
    ],
  });
});

test("rows without an id and cells of another type are told with their lines, and the others go in", async () => {
  const csv = "id,seats\nacme,12\n,3\nbeta,a few\n\ngamma,4\n";
  const { messages, rejects } = await read("c.csv", csv, { seats: "number" });
  expect(messages.map((message) => (message as { groupId: string }).groupId)).toEqual(["acme", "gamma"]);
  expect(rejects).toEqual(["3: no account id in id", '4: seats is "a few", which is not a number']);
});

test("a column that the file does not have is named with those it has", async () => {
  await expect(read("d.csv", "org,seats\nacme,1\n")).rejects.toThrow('no column "id"; it has org, seats');
  await expect(read("e.csv", "id,seats\nacme,1\n", { seat: "number" })).rejects.toThrow('no column "seat"');
});

test("messages in a file: a group without a user is the account's, one with a user is the user's", async () => {
  const path = join(folder, "messages.ndjson");
  const own = { type: "group", groupId: "acme", traits: { seats: 3 } };
  const of = { type: "group", groupId: "acme", userId: "ann" };
  writeFileSync(path, `${JSON.stringify(own)}\n${JSON.stringify(of)}\n{"type":"group"}\n`);
  const written: string[] = [];
  await importFile({
    path,
    mapping: undefined,
    partitions: 1,
    clock: "log",
    storedUpTo: new Map(),
    enrich: (message) => message,
    write: async (_partition, line, _body, kind) => void written.push(`${line} ${kind}`),
    refusal: () => undefined,
    onReject: ({ line, reason }) => void written.push(`${line} ${reason}`),
    onProgress: () => {},
  });
  expect(written).toEqual(["1 account", "2 event", "3 no userId, no anonymousId and no groupId"]);
});
