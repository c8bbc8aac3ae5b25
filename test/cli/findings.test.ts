// How findings stand on a terminal: wrapped below each other where it is narrow, in one line where nobody's terminal it is.
import { expect, test } from "vitest";
import { findingLines, summaryOf } from "../../lib/cli/findings.ts";
import { styleFor } from "../../lib/cli/style.ts";
import { fail, ok, warn } from "../../lib/doctor/finding.ts";

const plain = styleFor({}, {});
const LONG = warn(
  "manifests",
  "partition 3: a page of its checkpoint has other bytes",
  "restart its worker\n  add lines",
);

test("in one line where it is no terminal, so that it can be searched", () => {
  expect(findingLines([ok("gaps", "none"), LONG], plain, undefined)).toBe(
    [
      "ok    gaps         none",
      "warn  manifests    partition 3: a page of its checkpoint has other bytes",
      "                   → restart its worker",
      "                   →   add lines",
    ].join("\n"),
  );
});

test("wrapped to a narrow terminal, no line longer than it", () => {
  const lines = findingLines([LONG], plain, 55).split("\n");
  expect(lines).toEqual([
    "warn  manifests    partition 3: a page of its",
    "                   checkpoint has other bytes",
    "                   → restart its worker",
    "                   →   add lines",
  ]);
  expect(Math.max(...lines.map((line) => line.length))).toBeLessThan(55);
});

test("one line says how it all stands", () => {
  expect(summaryOf([ok("gaps", "none")])).toBe("All is well.");
  expect(summaryOf([LONG, ok("gaps", "none")])).toBe("Nothing failed, 1 warning.");
  expect(summaryOf([LONG, fail("gaps", "some"), fail("gaps", "more")])).toBe("2 checks failed, 1 warning.");
});
