// Damage to what a partition remembers is told by what a restart would make of it: heals, or does not.
import { expect, test } from "vitest";
import type { GenerationFacts, ManifestFacts, PartitionFacts } from "../../lib/doctor/facts.ts";
import { manifestsText, manifestTroubles } from "../../lib/doctor/manifests.ts";
import { facts, stampOf, stream, watermark } from "./facts.ts";

const troubles = (changes: Partial<PartitionFacts>) => manifestTroubles(facts(changes));
const kinds = (changes: Partial<PartitionFacts>) => troubles(changes).map(({ verdict, kind }) => `${verdict} ${kind}`);
const BAD = { key: "5.3.17.4", what: "has other bytes than were written" };
/** The healthy manifest, its generations changed. */
const changed = (...changes: Partial<GenerationFacts>[]): ManifestFacts => {
  const { manifest } = facts();
  return { ...manifest, generations: manifest.generations.map((one, index) => ({ ...one, ...changes[index] })) };
};

test("a healthy partition", () => {
  expect(kinds({})).toEqual([]);
});

test("a blob of the newest alone is bad: a warning that says how it heals", () => {
  const [trouble] = troubles({ manifest: changed({ bad: [BAD, BAD] }) });
  expect(trouble).toMatchObject({ verdict: "warn", kind: "CHK-003 newest" });
  expect(trouble!.text).toBe(
    "5.3.17.4 of checkpoint 8 has other bytes than were written (and 1 more blob); the older one is whole",
  );
  expect(trouble!.remedy).toMatch(/^restart its worker.*docs\/errors\/CHK-003\.md/);
});

test("of the older alone: a warning", () => {
  expect(kinds({ manifest: changed({}, { bad: [BAD] }) })).toEqual(["warn CHK-003 older"]);
});

test("of both: a warning while the log is whole, a failure when its start is gone", () => {
  const manifest = changed({ bad: [BAD] }, { bad: [BAD] });
  expect(kinds({ manifest })).toEqual(["warn CHK-003 from the start"]);
  expect(troubles({ manifest })[0]!.text).toContain("a restart replays 900 messages from the log's start");
  expect(kinds({ manifest, log: stream({ first: 2 }) })).toEqual(["fail CHK-003 lost"]);
  const alone = { ...manifest, generations: manifest.generations.slice(0, 1) };
  expect(troubles({ manifest: alone })[0]!.text).toContain("there is no other checkpoint");
});

test("a manifest that cannot be read: the same, by the log's start", () => {
  const manifest = { ...changed(), generations: [], unreadable: "the manifest cannot be read" };
  expect(kinds({ manifest })).toEqual(["warn unreadable"]);
  expect(kinds({ manifest, log: stream({ first: 2 }) })).toEqual(["fail CHK-003"]);
});

test("of an epoch that no watermark has reached: CHK-001", () => {
  expect(kinds({ watermark: watermark({ epoch: 2 }) })).toEqual(["fail CHK-001"]);
});

test("ahead of what was said: the older one is used, or none", () => {
  const said = (done: number) => watermark({ done, fingerprint: stampOf(done) });
  expect(kinds({ watermark: said(700) })).toEqual(["warn CHK-001 newest"]);
  expect(kinds({ watermark: said(500), log: stream({ first: 2 }) })).toEqual(["fail CHK-001 lost"]);
});

test("another message in the log below a checkpoint: LOG-003, whatever the other generation says", () => {
  expect(kinds({ manifest: changed({ stamp: 1 }) })).toEqual(["fail LOG-003"]);
  expect(kinds({ manifest: changed({}, { stamp: 1 }) })).toEqual(["fail LOG-003"]);
});

test("how many were looked at is said", () => {
  const one = facts();
  expect(manifestsText([one])).toBe("2 checkpoints, all 9 blobs as written");
  const many = facts({ manifest: { ...one.manifest, blobs: 5_000, blobsLooked: 24 } });
  expect(manifestsText([one, many])).toBe("4 checkpoints, 33 of 5,009 blobs as written");
});
