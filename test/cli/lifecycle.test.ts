// The life of a definition from the command line, against a real server and a real worker: draft, publish, history,
// roll back, switch off and on, cancel, retry, progress.
import { afterAll, beforeAll, expect, test } from "vitest";
import { type CliRig, openCliRig } from "../support/cli-rig.ts";
import { PATIENTLY } from "../support/nats.ts";

const PARTITIONS = 4;
let rig: CliRig;

beforeAll(async () => {
  rig = await openCliRig(PARTITIONS);
  const nc = await rig.server.connection("channel");
  for (let index = 0; index < 60; index += 1) {
    const userId = `u${index}`;
    for (const event of ["Ping", "Pong"].slice(0, (index % 2) + 1)) {
      await nc.request(`events.${userId}`, JSON.stringify({ type: "track", userId, event }), PATIENTLY);
    }
  }
  await rig.caughtUp();
});
afterAll(() => rig.close());

async function rowsOf(...args: string[]): Promise<Record<string, unknown>[]> {
  return JSON.parse((await rig.rollcall(...args, "-o", "json")).out);
}

test("a draft is listed and changes nobody, until it is published", async () => {
  const file = await rig.fileOf("pinged.yaml", "id: pinged\nname: Pinged\nrule: { event: { name: Ping } }\n");
  expect((await rig.rollcall("segments", "apply", "--draft", file)).err).toContain("1 draft kept");
  expect(await rowsOf("segments", "ls")).toMatchObject([{ id: "pinged", state: "draft", size: 0, version: 0 }]);
  const { code, err } = await rig.rollcall("segments", "publish", "pingd");
  expect([code, err]).toEqual([2, expect.stringContaining('There is no draft of "pingd". Did you mean pinged?')]);
  expect((await rig.rollcall("segments", "publish", "pinged")).out).toContain("+ pinged  new");
  expect(await rowsOf("segments", "ls")).toMatchObject([{ id: "pinged", state: "live", size: 60, version: 1 }]);
  await rig.rollcall("segments", "apply", "--draft", file);
  expect((await rig.rollcall("segments", "ls")).out).toContain("live, with a draft");
  expect((await rig.rollcall("segments", "discard", "pinged")).err).toContain("1 draft thrown away");
});

test("history, roll back, off and on again", async () => {
  const file = await rig.fileOf("pinged.yaml", "id: pinged\nname: Pinged\nrule: { event: { name: Pong } }\n");
  await rig.rollcall("segments", "apply", file);
  expect(await rowsOf("segments", "ls")).toMatchObject([{ id: "pinged", size: 30, version: 2 }]);
  expect(await rowsOf("segments", "history", "pinged")).toMatchObject([
    { version: 2, state: "live", inForceUntil: null },
    { version: 1, state: "past" },
  ]);
  expect((await rig.rollcall("segments", "history", "pinged", "1")).out).toContain("event: { name: Ping }");
  expect((await rig.rollcall("segments", "rollback", "pinged", "9")).err).toContain("has no version 9; there are 1, 2");
  await rig.rollcall("segments", "rollback", "pinged", "1");
  expect(await rowsOf("segments", "ls")).toMatchObject([{ id: "pinged", size: 60, version: 3, state: "live" }]);
  await rig.rollcall("segments", "disable", "pinged");
  expect(await rowsOf("segments", "ls")).toMatchObject([{ id: "pinged", size: 0, version: 4, state: "disabled" }]);
  await rig.rollcall("segments", "enable", "pinged");
  expect(await rowsOf("segments", "ls")).toMatchObject([{ id: "pinged", size: 60, version: 5, state: "live" }]);
});

test("what reads its history is shown, cancelled and begun anew, partition by partition", async () => {
  const file = await rig.fileOf("both.yaml", "id: both\nrule: { event: { name: { each: [Ping, Pong] } } }\n");
  // Without a worker nothing is folded, so there is time to look.
  await rig.stopWorker();
  await rig.rollcall("segments", "apply", file, "--no-wait");
  const { out } = await rig.rollcall("segments", "progress", "both");
  expect(out).toContain("both  revision");
  expect(out).toMatch(/PARTITION {2}STATE +DONE +OF +RATE +LEFT/);
  expect(out.match(/waiting/g)).toHaveLength(PARTITIONS);
  expect((await rig.rollcall("segments", "ls")).out).toMatch(/both +user +– +backfilling/);
  const again = await rig.rollcall("segments", "retry", "both", "--no-wait");
  expect(again.err).toContain("Begun anew as revision");
  expect((await rig.rollcall("segments", "cancel", "both")).err).toContain("Given up: both");
  await rig.startWorker();
  expect(await rowsOf("segments", "progress")).toEqual([]);
  expect((await rowsOf("segments", "history", "both")).map(({ state }) => state)).toEqual(["given up", "given up"]);
  await rig.rollcall("segments", "apply", file);
  expect((await rowsOf("segments", "ls")).find(({ id }) => id === "both")).toMatchObject({ size: 30, state: "live" });
  expect((await rig.rollcall("segments", "cancel", "both")).err).toContain("Nothing waits for both");
});
