// What rules ask of the visits that are kept of a person: by which idle time, with which details, and by which referrer
// table. Beside questions.ts, which names the questions; the engine keeps what these say and no more.
import { createHash } from "node:crypto";
import type { Millis } from "../../types.ts";
import type { Vocabulary } from "../../vocabulary.ts";
import type { OccurrenceRule, Path, Where, Window } from "../ast.ts";

/** An occurrence is counted by visit, or within the visit under way. */
export function readsVisits({ op, measure, window }: OccurrenceRule): boolean {
  return op === "visit" || measure.kind === "visits" || isVisit("in" in measure ? measure.in : window);
}

function isVisit(window: Window | undefined): boolean {
  return window?.kind === "visit";
}

/** Beyond the times of visits it reads something of them; `local`: their dates, as the zone gave them. */
export function readsDetails({ where, measure }: OccurrenceRule, zone: string, local: boolean): boolean {
  return (local && zone === "user") || somePath(where, isDetail) || ("of" in measure && isDetail(measure.of));
}

export function readsSource({ where, measure }: OccurrenceRule): boolean {
  return somePath(where, isSource) || ("of" in measure && isSource(measure.of));
}

function isDetail(path: Path): boolean {
  return path[0] !== "duration";
}

function isSource(path: Path): boolean {
  return path[0] === "source";
}

function somePath(where: Where | undefined, passes: (path: Path) => boolean): boolean {
  if (where === undefined) return false;
  if (where.op === "test") return passes(where.path);
  return where.op === "not" ? somePath(where.where, passes) : where.wheres.some((inner) => somePath(inner, passes));
}

/** The list of visits by an idle time. */
export function visitsKey(idleMs: Millis): string {
  return `{"idleMs":${idleMs},"op":"visits"}`;
}

/** What is known of each visit of it. */
export function visitDetailsKey(idleMs: Millis): string {
  return `{"details":true,"idleMs":${idleMs},"op":"visits"}`;
}

/** The sources of the first visit, the newest and the one under way. */
export function sourceKey({ visitIdleMs, referrers }: Vocabulary): string {
  return `{"idleMs":${visitIdleMs},"op":"source","referrers":"${referrersDigest(referrers)}"}`;
}

const digests = new WeakMap<Vocabulary["referrers"], string>();

/** A short name of a referrer table's content: the table itself would make every key a page long. */
export function referrersDigest(referrers: Vocabulary["referrers"]): string {
  let digest = digests.get(referrers);
  if (digest === undefined) {
    const rows = Object.entries(referrers).sort(([a], [b]) => (a < b ? -1 : 1));
    const text = JSON.stringify(rows.map(([domain, { medium, name }]) => [domain, medium, name]));
    digest = createHash("sha256").update(text, "utf8").digest("hex").slice(0, 16);
    digests.set(referrers, digest);
  }
  return digest;
}
