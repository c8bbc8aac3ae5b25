// Each thing that a watermark can be wrong about is found, alone, with its code; and what is right is not told.
import { describe, expect, test } from "vitest";
import type { PartitionFacts } from "../../lib/doctor/facts.ts";
import { watermarkTroubles } from "../../lib/doctor/watermarks.ts";
import { facts, NOW, stampOf, status, stream, watermark } from "./facts.ts";

const DAY = 86_400_000;
const troubles = (changes: Partial<PartitionFacts>, segmentsFirst = 1) =>
  watermarkTroubles(facts(changes), segmentsFirst, NOW);
const kinds = (changes: Partial<PartitionFacts>, segmentsFirst = 1) =>
  troubles(changes, segmentsFirst).map(({ verdict, kind }) => `${verdict} ${kind}`);
const noManifest = { there: false, epoch: 0, generations: [], blobs: 0, blobsLooked: 0 };

test("a healthy partition, and one in which nothing has happened yet", () => {
  expect(kinds({})).toEqual([]);
  const fresh = watermark({ done: 0, fingerprint: null, from: 1 });
  expect(kinds({ watermark: fresh, manifest: noManifest, log: stream({ last: 0, messages: 0 }) })).toEqual([]);
});

describe("the log", () => {
  test("ends before `done`: LOG-002", () => {
    const [trouble] = troubles({ watermark: watermark({ done: 1_001 }) });
    expect(trouble).toMatchObject({ kind: "LOG-002", verdict: "fail", partition: 5 });
    expect(trouble!.text).toMatch(/^its log ends at 1000, but 1001 was already processed/);
    expect(trouble!.remedy).toContain("docs/errors/LOG-002.md");
  });

  test("holds another message at `done`, or none: LOG-003", () => {
    expect(kinds({ watermark: watermark({ fingerprint: 1 }) })).toEqual(["fail LOG-003"]);
    expect(kinds({ stamps: new Map() })).toEqual(["fail LOG-003"]);
  });

  test("begins after what a restart needs: LOG-001; after what only the older checkpoint needs: a warning", () => {
    expect(kinds({ log: stream({ first: 802 }) })).toEqual(["fail LOG-001"]);
    expect(kinds({ log: stream({ first: 2 }), manifest: noManifest })).toEqual(["fail LOG-001"]);
    expect(kinds({ log: stream({ first: 602 }) })).toEqual(["warn one leg"]);
    expect(kinds({ log: stream({ first: 601 }) })).toEqual([]);
  });

  test("a checkpoint that is ahead of `done` does not count as one", () => {
    const early = watermark({ done: 700, fingerprint: stampOf(700) });
    const stamps = new Map([700, 600].map((seq) => [seq, stampOf(seq)]));
    expect(kinds({ watermark: early, stamps, log: stream({ first: 650 }) })).toEqual(["fail LOG-001"]);
  });
});

describe("headroom", () => {
  const aged = (seq: number, ageMs: number) => new Map([...facts().stamps, [seq, NOW - ageMs]]);

  test("the needed message is older than half of the limit", () => {
    const log = stream({ maxAgeMs: 10 * DAY });
    expect(kinds({ log, stamps: aged(601, 4 * DAY) })).toEqual([]);
    const [trouble] = troubles({ log, stamps: aged(601, 6 * DAY) });
    expect(trouble).toMatchObject({ kind: "headroom", verdict: "warn" });
    expect(trouble!.text).toContain(
      "message 601, which the older checkpoint still needs, is 6d old and the log keeps 10d",
    );
  });

  test("trimming has come near it", () => {
    const near = stream({ maxAgeMs: 10 * DAY, first: 590 });
    expect(troubles({ log: near })[0]!.text).toContain("is only 11 of 411 messages after the log's first");
    expect(kinds({ log: stream({ maxAgeMs: 10 * DAY, first: 100 }) })).toEqual([]);
  });

  test("without a limit, or with nothing left to replay, age does not matter", () => {
    expect(kinds({ stamps: aged(601, 900 * DAY) })).toEqual([]);
    const stamps = new Map(facts().stamps);
    stamps.delete(601);
    expect(kinds({ log: stream({ maxAgeMs: DAY, first: 590 }), stamps })).toEqual([]);
  });
});

test("SEGMENTS begins after `from`: DLT-002", () => {
  expect(kinds({}, 50)).toEqual([]);
  expect(kinds({}, 51)).toEqual(["fail DLT-002"]);
});

describe("the owner", () => {
  test("answers with another epoch or name: OWN-001, once it runs", () => {
    expect(kinds({ status: status({ epoch: 2 }) })).toEqual(["fail OWN-001"]);
    expect(kinds({ status: status({ owner: "w-2" }) })).toEqual(["fail OWN-001"]);
    expect(kinds({ status: status({ epoch: 0, phase: "claiming" }) })).toEqual([]);
  });

  test("is not heard: fail; is heard and does not answer: a warning; has released it: nothing", () => {
    expect(troubles({ status: null, ownerHeard: false })[0]).toMatchObject({
      verdict: "fail",
      text: "its watermark names w-1, of whom nothing is heard",
    });
    expect(kinds({ status: null })).toEqual(["warn silent true"]);
    expect(kinds({ status: null, watermark: watermark({ owner: null }) })).toEqual([]);
  });
});

test("no watermark: gone when the partition was owned or remembers something, else nobody has begun", () => {
  expect(kinds({ watermark: undefined })).toEqual(["fail CHK-002"]);
  expect(kinds({ watermark: undefined, manifest: noManifest })).toEqual(["fail CHK-002"]);
  expect(kinds({ watermark: undefined, manifest: noManifest, status: null })).toEqual(["warn never owned"]);
});
