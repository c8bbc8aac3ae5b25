// What `rollcall import` resolves on the way in, and whom it trusts: the vocabulary in force says so.
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Json, JsonObject } from "../../lib/core/types.ts";
import { type CliRig, openCliRig } from "../support/cli-rig.ts";

let rig: CliRig;
beforeAll(async () => {
  rig = await openCliRig(2);
});
afterAll(() => rig.close());

async function file(name: string, text: string): Promise<string> {
  const path = join(rig.server.dataDir, name);
  await writeFile(path, text);
  return path;
}

/** Imports one page view of somebody, and gives what is known of him then. */
async function afterImport(userId: string, context: Json, ...flags: string[]): Promise<JsonObject> {
  const message = { type: "page", userId, context };
  const path = await file(`${userId}.ndjson`, `${JSON.stringify(message)}\n`);
  expect(await rig.rollcall("import", path, ...flags)).toMatchObject({ code: 0 });
  await rig.caughtUp();
  return JSON.parse((await rig.rollcall("user", userId, "-o", "json")).out) as JsonObject;
}

test("an address becomes a place, and a place that is said is kept as long as imports are trusted", async () => {
  expect(await afterImport("ann", { ip: "8.8.8.8", locale: "de" })).toMatchObject({
    place: { country: "US" },
    device: { language: "de" },
  });
  expect(await afterImport("bo", { ip: "8.8.8.8", place: { city: "Lyon" } })).toMatchObject({
    place: { city: "Lyon" },
  });
  const vocabulary = await file("vocabulary.yaml", "trusted: [server]\n");
  expect(await rig.rollcall("vocabulary", "apply", vocabulary)).toMatchObject({ code: 0 });
  expect((await afterImport("cy", { ip: "8.8.8.8", place: { city: "Lyon" } })).place).toEqual({ country: "US" });
});

test("a database that is no use is said before anything is stored", async () => {
  const path = await file("dee.ndjson", '{"type":"page","userId":"dee"}\n');
  const { code, out, err } = await rig.rollcall("import", path, "--networks-file", path);
  expect({ code, out }).toEqual({ code: 2, out: "" });
  expect(err).toContain(`networksFile: ${path} is no database in MaxMind's format, or is damaged.`);
});
