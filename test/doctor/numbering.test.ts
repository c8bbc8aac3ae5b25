// Law 4 held against what SEGMENTS holds: each way of breaking it is told, with the place.
import { expect, test } from "vitest";
import type { Delta } from "../../lib/core/types.ts";
import { Numbering, type NumberingOptions, rankOf } from "../../lib/doctor/numbering.ts";

type Said = readonly [id: string, n: number, change?: "joined" | "left", segment?: string];

function findings(said: readonly Said[], options: Partial<NumberingOptions> = {}) {
  const numbering = new Numbering({ share: 1, salt: 0, whole: true, ...options });
  said.forEach(([id, n, change = n % 2 === 1 ? "joined" : "left", segment = "carts"], index) => {
    numbering.hear(100 + index, { segment, kind: "user", id, change, n } as Delta);
  });
  return numbering.findings().map(({ verdict, text }) => `${verdict} ${text}`);
}

test("joined and left by turns, numbered from 1, for each member and segment by itself", () => {
  const said: Said[] = [
    ["ann", 1],
    ["bob", 1],
    ["ann", 2],
    ["ann", 1, "joined", "buyers"],
    ["ann", 3],
  ];
  expect(findings(said)).toEqual(["ok 5 deltas, 3 memberships numbered 1, 2, 3 … without gap or repeat"]);
});

test("a gap, told once, at the delta after it; at the beginning, too", () => {
  expect(
    findings([
      ["ann", 1],
      ["ann", 3],
      ["ann", 4],
    ]),
  ).toEqual(["fail 1 gap: ann in carts, at 101: joined with n 3 after 1"]);
  expect(findings([["ann", 2]])).toEqual(["fail 1 gap: ann in carts, at 100: left with n 2 after 0"]);
});

test("a repeat, told once, and what follows it is in order again", () => {
  const found = findings([
    ["ann", 1],
    ["ann", 2],
    ["ann", 1],
    ["ann", 3],
  ]);
  expect(found).toEqual(["fail 1 repeat: ann in carts, at 102: joined with n 1 again, after 2"]);
});

test("joined where left should be", () => {
  expect(
    findings([
      ["ann", 1],
      ["ann", 2, "joined"],
    ])[0],
  ).toContain("fail 1 delta where joined and left do not alternate");
});

test("three examples, and all counted; an id cannot move the cursor", () => {
  const found = findings(["a", "b", "c", "d\u001b[2J"].map((id) => [id, 2] as const))[0]!;
  expect(found).toMatch(/^fail 4 gaps: a in .*; b in .*; c in .*; …$/);
  expect(findings([["d\u001b[2J", 2]])[0]).not.toContain("\u001b");
});

test("what is no delta", () => {
  const numbering = new Numbering({ share: 1, salt: 0, whole: true });
  numbering.refuse(7);
  numbering.refuse(8);
  expect(numbering.findings()[0]).toMatchObject({
    verdict: "fail",
    text: "2 messages of SEGMENTS cannot be read as a delta, the first at 7",
  });
});

test("of a stream whose beginning is gone the first number is taken as it is", () => {
  expect(
    findings(
      [
        ["ann", 5],
        ["ann", 6],
      ],
      { whole: false },
    )[0],
  ).toMatch(/^ok .*, from where SEGMENTS begins$/);
  expect(
    findings(
      [
        ["ann", 5],
        ["ann", 7],
      ],
      { whole: false },
    )[0],
  ).toMatch(/^fail 1 gap/);
});

test("a share of the members: as large as said, other ones under another salt, and the share is told", () => {
  const ids = Array.from({ length: 4_000 }, (_, index) => `u${index}`);
  const chosen = (salt: number) => ids.filter((id) => rankOf(id, salt) < 0.25);
  expect(chosen(1).length).toBeGreaterThan(850);
  expect(chosen(1).length).toBeLessThan(1_150);
  const both = chosen(1).filter((id) => rankOf(id, 2) < 0.25);
  expect(both.length).toBeGreaterThan(170);
  expect(both.length).toBeLessThan(330);
  const said = ids.map((id): Said => [id, 1]);
  expect(findings(said, { share: 0.25, salt: 1 })[0]).toMatch(
    new RegExp(`^ok ${chosen(1).length.toLocaleString("en")} of 4,000 deltas \\(25\\.0 % of the members\\)`),
  );
  // Whoever is followed is followed from the first delta to the last.
  const gap: Said = [chosen(1)[0]!, 3];
  expect(findings([...said, gap], { share: 0.25, salt: 1 })[0]).toMatch(/^fail 1 gap/);
  const outside: Said = [ids.find((id) => rankOf(id, 1) >= 0.25)!, 3];
  expect(findings([...said, outside], { share: 0.25, salt: 1 })[0]).toMatch(/^ok/);
});
