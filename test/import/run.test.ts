// Every message of a file goes through the door before it is checked and stored, whether a mapping made it or not.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import type { Json, JsonObject } from "../../lib/core/types.ts";
import { instantOf } from "../../lib/enrich/clock-skew.ts";
import { enrich, openTables } from "../../lib/enrich/enrich.ts";
import { parseMapping } from "../../lib/import/mapping.ts";
import { importFile } from "../../lib/import/run.ts";

const folder = mkdtempSync(join(tmpdir(), "rollcall-import-"));
afterAll(() => rmSync(folder, { recursive: true }));
const tables = openTables();

async function imported(name: string, text: string, yaml?: string): Promise<{ messages: Json[]; lastTime?: number }> {
  const path = join(folder, name);
  writeFileSync(path, text);
  const messages: Json[] = [];
  const { lastTime } = await importFile({
    path,
    mapping: yaml === undefined ? undefined : parseMapping(yaml, "my.map.yaml"),
    partitions: 1,
    clock: "log",
    storedUpTo: new Map(),
    enrich: (message: JsonObject) =>
      enrich(message, { tables, source: "import", receivedAt: instantOf(message.receivedAt) }),
    write: async (_partition, _line, body) => void messages.push(JSON.parse(Buffer.from(body).toString())),
    refusal: () => undefined,
    onReject: ({ line, reason }) => messages.push(`${line}: ${reason}`),
    onProgress: () => {},
  });
  return { messages, ...(lastTime === undefined ? {} : { lastTime }) };
}

test("a mapping's address becomes a place; what it says of the place itself is kept", async () => {
  const yaml =
    "user: u\nevent: Seen\nchannel: { value: web }\nip: from\ncontext: { object: { place: { object: { city: town } } } }\n";
  const named = await imported("a.csv", "u,from,town\nu1,8.8.8.8,Lyon\n", yaml);
  const seen = { type: "track", event: "Seen", channel: "web", userId: "u1" };
  expect(named.messages).toEqual([{ ...seen, context: { place: { city: "Lyon" } } }]);
  const bare = await imported(
    "b.csv",
    "u,from\nu1,8.8.8.8\n",
    "user: u\nevent: Seen\nchannel: { value: web }\nip: from\n",
  );
  expect(bare.messages).toEqual([{ ...seen, context: { place: { country: "US" } } }]);
});

test("a message as Segment sends it is enriched, and counts at the corrected time", async () => {
  const message = {
    type: "track",
    event: "Seen",
    userId: "u1",
    originalTimestamp: "2024-01-01T00:00:00.000Z",
    sentAt: "2024-01-01T00:00:02.000Z",
    receivedAt: "2026-11-23T10:00:00.000Z",
    context: { ip: "8.8.8.8", library: { name: "analytics.js" } },
  };
  const { messages, lastTime } = await imported("c.ndjson", `${JSON.stringify(message)}\n`);
  const context = { library: { name: "analytics.js" }, place: { country: "US" } };
  expect(messages).toEqual([{ ...message, channel: "web", timestamp: "2026-11-23T09:59:58.000Z", context }]);
  expect(lastTime).toBe(Date.UTC(2026, 10, 23, 9, 59, 58));
});
