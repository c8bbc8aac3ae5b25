// The auditor's checks find what they are there for: each is shown a small history that is sound, then one that is not.
import { describe, expect, test } from "vitest";
import type { Watermark } from "../../lib/ports/delta-sink.ts";
import {
  checkFencing,
  type FencedDelta,
  linkFaults,
  type NotedRecord,
  numberingFaults,
  orderFaults,
  recordFaults,
  type Truth,
} from "./audit-checks.ts";

const SUBJECT = "watermark.0";

function single(seq: number, input: number, fence: number, n = 1): FencedDelta {
  const change = n % 2 === 1 ? "joined" : "left";
  const cause = { type: "event", seq: input } as const;
  const delta = { segment: "s", version: 1, kind: "user", id: `u${input}`, change, n, at: 1, cause } as const;
  return { seq, delta, fence, fenceSubject: SUBJECT, batch: undefined };
}

function batched(seq: number, input: number, id: string, place: number): FencedDelta {
  return { ...single(seq, input, 0), fence: undefined, fenceSubject: undefined, batch: { id, place } };
}

function record(seq: number, more: Partial<Watermark> = {}): NotedRecord {
  const value = { epoch: 1, owner: "a", nonce: "", done: 0, from: 1, digest: "d0", fingerprint: null, revision: 0 };
  return { seq, value: { ...value, ...more } };
}

const fencingOf = (deltas: readonly FencedDelta[], records: readonly NotedRecord[]): readonly string[] =>
  checkFencing(deltas, records, SUBJECT).faults.differences.examples;

describe("fencing", () => {
  test("singles under the newest record and whole batches are sound", () => {
    const deltas = [single(3, 1, 2), batched(4, 2, "b", 1), batched(5, 3, "b", 2), single(7, 4, 6), single(9, 5, 8)];
    const fencing = checkFencing(deltas, [record(2), record(6), record(8)], SUBJECT);
    expect(fencing.faults.differences.count).toBe(0);
    expect(fencing).toMatchObject({ singles: 3, batches: 1 });
  });

  test("a delta under the old owner's record, after the new owner's", () => {
    const records = [record(2), record(5, { epoch: 2, owner: "b" })];
    expect(fencingOf([single(3, 1, 2), single(6, 2, 2)], records)).toEqual([
      "at 6: stored under the record at 2, when the newest was 5",
    ]);
  });

  test("the same, when nobody saw the new owner's record but by what was stored under it", () => {
    expect(fencingOf([single(6, 1, 5), single(7, 2, 2)], [])).toHaveLength(1);
    expect(fencingOf([batched(4, 1, "b", 1), batched(5, 2, "b", 2), single(7, 3, 2)], [])).toHaveLength(1);
  });

  test("no fence, another partition's fence, a fence that lies ahead, a torn batch", () => {
    expect(fencingOf([{ ...single(3, 1, 2), fence: undefined }], [])).toHaveLength(1);
    expect(fencingOf([{ ...single(3, 1, 2), fenceSubject: "watermark.1" }], [])).toHaveLength(1);
    expect(fencingOf([single(3, 1, 4)], [])).toHaveLength(1);
    expect(fencingOf([batched(4, 1, "b", 1), batched(6, 2, "b", 2)], [])[0]).toBe("at 4: a batch is torn");
    expect(fencingOf([batched(4, 1, "b", 2)], [])).toEqual(["at 4: a batch is torn"]);
  });
});

describe("numbering and order", () => {
  test("1 joined, 2 left, 3 joined for each member and segment", () => {
    expect(numberingFaults([single(1, 1, 0), single(2, 1, 0, 2), single(3, 1, 0, 3)]).differences.count).toBe(0);
    expect(numberingFaults([single(1, 1, 0), single(2, 1, 0, 1)]).differences.count).toBe(1);
    expect(numberingFaults([single(1, 1, 0), single(2, 1, 0, 3)]).differences.count).toBe(1);
    const wrongWay = { ...single(2, 1, 0, 2), delta: { ...single(2, 1, 0, 2).delta, change: "joined" as const } };
    expect(numberingFaults([single(1, 1, 0), wrongWay]).differences.count).toBe(1);
  });

  test("deltas stand in the order of their inputs", () => {
    expect(orderFaults([single(1, 4, 0), single(2, 4, 0), single(3, 5, 0)]).differences.count).toBe(0);
    expect(orderFaults([single(1, 4, 0), single(2, 5, 0), single(3, 4, 0)]).differences.count).toBe(1);
  });
});

describe("watermarks", () => {
  const truth: Truth = { logLast: 9, stampOf: (seq) => 100 + seq, digestAt: (seq) => (seq < 4 ? "d0" : "d4") };
  const deltas = [single(3, 4, 2), single(6, 8, 5)];
  const at4 = { done: 4, from: 5, digest: "d4", fingerprint: 104 };
  const faultsOf = (...records: readonly NotedRecord[]): readonly string[] =>
    recordFaults(records, deltas, truth).differences.examples;

  test("a history as owners write it", () => {
    const claimed = record(7, { ...at4, epoch: 2, owner: "b" });
    const released = record(8, { ...at4, epoch: 2, owner: null });
    expect(faultsOf(record(2), record(5, at4), claimed, released)).toEqual([]);
  });

  test.each([
    ["its epoch falls", "epoch 2 came before", [record(5, { ...at4, epoch: 2 }), record(7, at4)]],
    ["done falls", "done 0 after 4", [record(5, at4), record(7, { from: 5 })]],
    ["from falls", "from 4 after 5", [record(5, at4), record(7, { ...at4, from: 4 })]],
    ["two owners share an epoch", "its epoch was a's", [record(5, at4), record(7, { ...at4, owner: "b" })]],
    [
      "somebody speaks after the release",
      "its epoch had been released",
      [record(5, { ...at4, owner: null }), record(7, at4)],
    ],
    ["it is ahead of the log", "done 10, and the log ends at 9", [record(7, { ...at4, done: 10, fingerprint: 110 })]],
    ["its message has another stamp", "input 4 has another stamp", [record(7, { ...at4, fingerprint: 105 })]],
    ["its digest is another", "digest d0, the logs make d4", [record(7, { ...at4, digest: "d0" })]],
    ["a delta up to done comes after it", "a delta of input 4 came only at 3", [record(2, { ...at4, from: 1 })]],
    [
      "a later delta stands before from",
      "a later input's delta stands at 6, before 7",
      [record(7, { ...at4, from: 7 })],
    ],
  ] as const)("found when %s", (_, fault, records) => {
    expect(faultsOf(...records).join()).toContain(fault);
  });
});

describe("links", () => {
  const body = (from: number, n: number): string => JSON.stringify({ from, n, items: [] });
  const link = (from: number, to: number, n: number, seq: number) => ({ to, n, seq, body: body(from, n) });
  const made = [link(0, 1, 1, 4), link(0, 0, 1, 4), link(0, 1, 2, 7)];
  const faultsOf = (itself: readonly string[], other: readonly string[], covered = 4): readonly string[] =>
    linkFaults([
      { made, heard: new Map([[0, itself]]), covered },
      { made: [], heard: new Map([[0, other]]), covered: 0 },
    ]).differences.examples;

  test("all, or the first of them", () => {
    expect(faultsOf([body(0, 1)], [body(0, 1), body(0, 2)], 9)).toEqual([]);
    expect(faultsOf([body(0, 1)], [body(0, 1)])).toEqual([]);
  });

  test.each([
    [
      "one is missing that the checkpoint covers",
      [body(0, 1)],
      [],
      'to 1: {"from":0,"n":1,"items":[]} of input 4 is not',
    ],
    ["one is there twice", [body(0, 1)], [body(0, 1), body(0, 1)], 'its log says {"from":0,"n":2'],
    ["one comes before its turn", [body(0, 1)], [body(0, 2)], 'its log says {"from":0,"n":1'],
    ["there is one too many", [body(0, 1), body(0, 2)], [body(0, 1)], "its log says no more"],
  ])("found when %s", (_, itself, other, fault) => {
    expect(faultsOf(itself, other).join()).toContain(fault);
  });
});
