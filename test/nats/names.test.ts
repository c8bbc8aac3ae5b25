// Names with and without a prefix, and the kind of a log message read back from its subject.
import { describe, expect, test } from "vitest";
import { namesOf } from "../../lib/nats/names.ts";

describe.each([
  ["", "", ""],
  ["shop", "shop_", "shop."],
])("data set %j", (name, stream, subject) => {
  const names = namesOf(name);

  test("names its streams and buckets", () => {
    expect([names.eventsStream(7), names.segmentsStream, names.rejectsStream, names.definitionsStream]).toEqual(
      ["EVENTS_7", "SEGMENTS", "REJECTS", "DEFINITIONS"].map((base) => stream + base),
    );
    expect([names.checkpointBucket, names.clusterBucket]).toEqual([`${stream}CHECKPOINT`, `${stream}CLUSTER`]);
  });

  test("names its subjects", () => {
    const subjects = [
      names.eventSubject("u1"),
      names.accountSubject("a1"),
      names.logSubject(7, "control"),
      names.linkSubject(7, 3),
      names.logWildcard(7),
      names.deltaSubject("vip", "joined"),
      names.segmentSubject("vip", "left"),
      names.watermarkSubject(7),
      names.rejectedSubject("not-json"),
      names.definitionsSubject,
      names.askSubject(7),
      names.serviceSubject("decide"),
    ];
    expect(subjects).toEqual(
      [
        "events.u1",
        "accounts.a1",
        "log.7.control",
        "log.7.link.3",
        "log.7.>",
        "delta.vip.joined",
        "segment.vip.left",
        "watermark.7",
        "rejected.not-json",
        "definitions",
        "ask.7",
        "ask.v1.decide",
      ].map((base) => subject + base),
    );
  });

  test("reads the kind of a log message back", () => {
    for (const kind of ["event", "account", "control", "clock", "ready"] as const) {
      expect(names.logKindOf(names.logSubject(31, kind))).toBe(kind);
    }
    expect(names.logKindOf(names.linkSubject(31, 2))).toBe("link");
    expect(names.logKindOf(`${subject}log.3.other`)).toBeUndefined();
    expect(names.logKindOf(`${subject}log.3`)).toBeUndefined();
  });
});

test.each(["a.b", "a b", "*", ">", "-a", "a_b", "x".repeat(33)])("%j cannot be a prefix", (name) => {
  expect(() => namesOf(name)).toThrow(/cannot prefix streams and subjects/);
});
