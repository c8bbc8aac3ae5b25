// The report of a verification as plain text: a table, then examples of what differs, then the verdict in one line.
// `rollcall replay --verify` prints it.
import type { Differences } from "./collected.ts";
import type { VerifyReport } from "./verify.ts";

export function verifyTable(report: VerifyReport): string {
  const { memberships, deltas, links } = report;
  const compared = counted(links.compared);
  const rows = [
    ["", "expected", "live", "differences"],
    [
      "memberships",
      counted(memberships.expected),
      counted(memberships.actual),
      differing({ missing: memberships.missing, extra: memberships.extra }),
    ],
    ["deltas", counted(deltas.expected), counted(deltas.actual), differing(deltaDifferences(report))],
    // Where no user has an account, partitions have nothing to tell each other.
    ...(links.compared === 0 ? [] : [["links", compared, compared, differing({ wrong: links.wrong })]]),
  ];
  return [inputsLine(report), "", ...aligned(rows), "", ...examplesOf(report), verdictOf(report)].join("\n");
}

function deltaDifferences({ deltas }: VerifyReport): Record<string, Differences> {
  const { lost, repeated, wrong, disordered } = deltas;
  return { lost, repeated, wrong, disordered };
}

function inputsLine({ partitions, inputs, members, rejects }: VerifyReport): string {
  const reasons = Object.entries(rejects).map(([reason, count]) => `${reason} ${counted(count)}`);
  const refused = reasons.length === 0 ? "" : `; refused: ${reasons.sort().join(", ")}`;
  return `${counted(inputs)} messages in ${counted(partitions)} partitions, ${counted(members)} members${refused}`;
}

function differing(kinds: Readonly<Record<string, Differences>>): string {
  const found = Object.entries(kinds).filter(([, { count }]) => count > 0);
  if (found.length === 0) return "none";
  return found.map(([kind, { count }]) => `${counted(count)} ${kind}`).join(", ");
}

function examplesOf(report: VerifyReport): string[] {
  const kinds = {
    "memberships missing": report.memberships.missing,
    "memberships extra": report.memberships.extra,
    "links wrong": report.links.wrong,
    ...Object.fromEntries(Object.entries(deltaDifferences(report)).map(([kind, found]) => [`deltas ${kind}`, found])),
  };
  return Object.entries(kinds).flatMap(([kind, { count, examples }]) => {
    if (count === 0) return [];
    const title = count > examples.length ? `${kind} (${examples.length} of ${counted(count)}):` : `${kind}:`;
    return [title, ...examples.map((text) => `  ${text}`), ""];
  });
}

function verdictOf({ memberships, deltas, links }: VerifyReport): string {
  const word = (expected: number, kinds: Record<string, Differences>) =>
    Object.values(kinds).every(({ count }) => count === 0) ? `equal (${counted(expected)})` : "DIFFERENT";
  const members = word(memberships.expected, { missing: memberships.missing, extra: memberships.extra });
  const { lost, repeated, wrong, disordered } = deltas;
  const told = links.compared === 0 ? "" : `, links ${word(links.compared, { wrong: links.wrong })}`;
  return `memberships ${members}, deltas ${word(deltas.expected, { lost, repeated, wrong, disordered })}${told}`;
}

/** The first column to the left, numbers to the right. */
function aligned(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows.map((row) =>
    row
      .map((cell, column) =>
        column === 0 || column === 3 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!),
      )
      .join("  ")
      .trimEnd(),
  );
}

function counted(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, ",");
}
