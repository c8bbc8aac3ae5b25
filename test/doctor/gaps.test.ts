// Holes where there must be none, told with their sequences; one finding for what happened to many partitions.
import { expect, test } from "vitest";
import { type Finding, findingsOf, sequences } from "../../lib/doctor/finding.ts";
import { gapFindings, type WholeStreams } from "../../lib/doctor/gaps.ts";
import { facts, stream, watermark } from "./facts.ts";

const streams = (changes: Partial<WholeStreams> = {}): WholeStreams => ({
  segmentsStream: "SEGMENTS",
  // Watermarks replace each other: holes here mean nothing.
  segments: stream({ numDeleted: 40, messages: 960 }),
  definitionsStream: "DEFINITIONS",
  definitions: stream({ last: 2, messages: 2 }),
  ...changes,
});
const told = (findings: readonly Finding[]) => findings.map(({ verdict, text }) => `${verdict} ${text}`);

test("whole streams", () => {
  expect(told(gapFindings([facts(), facts()], streams()))).toEqual(["ok none in the logs' 2,000 messages"]);
});

test("a log with holes names them, and the page", () => {
  const log = stream({ numDeleted: 5, deleted: [17, 20, 21, 22, 40], messages: 995 });
  const [finding] = gapFindings([facts({ log })], streams());
  expect(finding).toMatchObject({
    verdict: "fail",
    text: "partition 5: 5 messages are missing in the middle of its log (17, 20 to 22, 40)",
    remedy: expect.stringContaining("docs/errors/LOG-004.md"),
  });
});

test("what the server could not read counts, too", () => {
  const found = told(gapFindings([facts({ log: stream({ lost: 2 }) })], streams()));
  expect(found[0]).toContain("the server says that 2 messages could not be read");
});

test("SEGMENTS that was purged", () => {
  const found = told(gapFindings([facts()], streams({ segments: stream({ first: 300 }) })));
  expect(found).toEqual(["fail SEGMENTS begins at 300: it was purged, and its first deltas are gone"]);
});

test("DEFINITIONS: no start, a hole, or shorter than what was applied", () => {
  const found = (definitions: Parameters<typeof stream>[0], revision = 2) =>
    told(
      gapFindings([facts({ watermark: watermark({ revision }) })], streams({ definitions: stream(definitions) })),
    )[0];
  expect(found({ first: 2 })).toContain("begins at 2");
  expect(found({ numDeleted: 1, deleted: [3] })).toContain("has 1 hole (3)");
  expect(found({ last: 2 }, 3)).toContain("ends at revision 2, but 3 was applied already");
  expect(found({ first: 1, last: 0, messages: 0 }, 0)).toContain("ok none");
});

test("runs and single sequences, and how many more", () => {
  expect(sequences([9, 1, 2, 3])).toBe("1 to 3, 9");
  expect(sequences([1, 3, 5, 7, 9, 11, 12], 2)).toBe("1, 3 and 5 more");
});

test("one finding a kind, failures first, with the partitions that share it", () => {
  const trouble = (kind: string, verdict: "warn" | "fail", partition: number) => ({
    kind,
    verdict,
    partition,
    text: `it is ${kind}`,
    remedy: "r",
  });
  const many = [3, 4, 5, 6, 7, 8, 9, 9].map((partition) => trouble("old", "warn", partition));
  expect(told(findingsOf("c", [...many, trouble("bad", "fail", 1)], "well"))).toEqual([
    "fail partition 1: it is bad",
    "warn partition 3: it is old (likewise 6 other partitions: 4, 5, 6, 7, 8, 9)",
  ]);
  expect(told(findingsOf("c", [], "well"))).toEqual(["ok well"]);
});
