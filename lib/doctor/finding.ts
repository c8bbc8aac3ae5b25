// What a check gives: findings, each ok, warn or fail in words, with the remedy where it is not ok.
// Every check of lib/doctor makes them; cmd/cli/doctor.ts prints them.
import { count, counted } from "../cli/numbers.ts";
import type { PartitionNo } from "../core/types.ts";
import type { Refusal } from "../ports/errors.ts";

export type Verdict = "ok" | "warn" | "fail";

export interface Finding {
  readonly check: string;
  readonly verdict: Verdict;
  readonly text: string;
  readonly remedy?: string;
}

/** One thing that is wrong with one partition. What is of one `kind` is told once, with one of them as the example. */
export interface Trouble {
  readonly kind: string;
  readonly verdict: "warn" | "fail";
  readonly partition: PartitionNo;
  readonly text: string;
  readonly remedy: string;
}

const PARTITIONS_SHOWN = 6;

export function ok(check: string, text: string): Finding {
  return { check, verdict: "ok", text };
}

export function warn(check: string, text: string, remedy: string): Finding {
  return { check, verdict: "warn", text, remedy };
}

/** Without a remedy where the text has it. */
export function fail(check: string, text: string, remedy?: string): Finding {
  return { check, verdict: "fail", text, ...(remedy === undefined ? {} : { remedy }) };
}

/** The same thing seldom happens to one partition alone, so there is one finding a kind; `whenOk` where there is none. */
export function findingsOf(check: string, troubles: readonly Trouble[], whenOk: string): readonly Finding[] {
  if (troubles.length === 0) return [ok(check, whenOk)];
  const kinds = new Set(troubles.map(({ kind }) => kind));
  const found = [...kinds].map((kind) =>
    oneOf(
      check,
      troubles.filter((trouble) => trouble.kind === kind),
    ),
  );
  return [...found.filter(({ verdict }) => verdict === "fail"), ...found.filter(({ verdict }) => verdict !== "fail")];
}

function oneOf(check: string, same: readonly Trouble[]): Finding {
  const { verdict, partition, text, remedy } = same[0]!;
  const others = [...new Set(same.map((trouble) => trouble.partition))].filter((other) => other !== partition);
  const also =
    others.length === 0 ? "" : ` (likewise ${counted(others.length, "other partition")}: ${numbers(others)})`;
  const worst = same.some((trouble) => trouble.verdict === "fail") ? "fail" : verdict;
  return { check, verdict: worst, text: `partition ${partition}: ${text}${also}`, remedy };
}

function numbers(all: readonly number[]): string {
  const shown = all.slice(0, PARTITIONS_SHOWN).join(", ");
  return all.length > PARTITIONS_SHOWN ? `${shown} …` : shown;
}

/** Single sequences and runs of them: "17, 20 to 24 and 3 more". */
export function sequences(all: readonly number[], shownMax = 5): string {
  const runs: [first: number, last: number][] = [];
  for (const seq of [...all].sort((a, b) => a - b)) {
    const run = runs.at(-1);
    if (run !== undefined && seq === run[1] + 1) run[1] = seq;
    else runs.push([seq, seq]);
  }
  const shown = runs.slice(0, shownMax);
  const told = shown.reduce((sum, [first, last]) => sum + last - first + 1, 0);
  const text = shown.map(([first, last]) => (first === last ? `${first}` : `${first} to ${last}`)).join(", ");
  return told < all.length ? `${text} and ${count(all.length - told)} more` : text;
}

/** What would stop a worker, as a trouble: its code is the kind, and the page of that code has the rest. */
export function refused(refusal: Refusal, remedy: string): Trouble {
  const { code, partition, message } = refusal;
  const prefix = `partition ${partition}: `;
  const text = message.startsWith(prefix) ? message.slice(prefix.length) : message;
  return { kind: code, verdict: "fail", partition, text, remedy: `${remedy}; ${page(code)}` };
}

export function page(code: string): string {
  return `docs/errors/${code}.md says more`;
}
