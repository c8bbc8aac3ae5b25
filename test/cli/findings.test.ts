// How findings stand on a terminal: wrapped below each other where it is narrow, in one line where nobody's terminal it is.
import { expect, test } from "vitest";
import { findingLines, summaryLine } from "../../lib/cli/findings.ts";
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

test("the last line says how it all stands", () => {
  expect(summaryLine([ok("gaps", "none")], plain)).toBe("All is well.");
  expect(summaryLine([LONG, ok("gaps", "none")], plain)).toBe("Nothing failed; 1 warning.");
  expect(summaryLine([LONG, fail("gaps", "some"), fail("gaps", "more")], plain)).toBe("2 checks failed, 1 warning.");
});
