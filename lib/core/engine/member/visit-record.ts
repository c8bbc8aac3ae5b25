// Visits as records that a where reads: one visit, and the sources of the first, the newest and the one under way.
// visits.ts keeps them; what a source is called, the referrer table of whoever reads it says.
import type { Json, JsonObject, Millis } from "../../types.ts";
import { type Referrers, type SourceSeen, sourceRecord } from "./sources.ts";
import { type VisitDetail, type VisitList, type VisitSpan, visitEndOf } from "./visits.ts";

/** A visit as a where sees it; what no event of it told is missing. */
export function visitRecord({ start, last, detail }: VisitSpan, referrers: Referrers): JsonObject {
  const record: Record<string, Json> = { duration: last - start };
  if (detail === undefined) return record;
  record.pages = detail.pages;
  record.events = detail.events;
  for (const field of ["entry", "page", "channel", "place", "device"] as const) {
    const given = detail[field];
    if (given !== undefined) record[field] = given.value;
  }
  record.source = sourceRecord(detail.source?.value, referrers);
  return record;
}

/** The sources of the first visit, the newest and the one under way; null where there is no such visit. */
export interface Sources {
  readonly first: SourceSeen | null;
  readonly latest: SourceSeen | null;
  readonly current: SourceSeen | null;
}

const NO_SOURCES: Sources = { first: null, latest: null, current: null };
/** Of a visit of which no event told any. */
const NOT_TOLD: SourceSeen = {};

export function sourcesSeen(list: VisitList | undefined, now: Millis): Sources {
  if (list === undefined || list.times.length === 0) return NO_SOURCES;
  const first = seenOf(list.details?.[0]);
  const latest = seenOf(list.details?.[list.times.length / 2 - 1]);
  return { first, latest, current: now < visitEndOf(list) ? latest : null };
}

function seenOf(detail: VisitDetail | undefined): SourceSeen {
  return detail?.source?.value ?? NOT_TOLD;
}

/** The record `source`. */
export function sourcesRecord({ first, latest, current }: Sources, referrers: Referrers): JsonObject {
  const record: Record<string, JsonObject> = {};
  for (const [name, seen] of Object.entries({ first, latest, current })) {
    if (seen !== null) record[name] = sourceRecord(seen === NOT_TOLD ? undefined : seen, referrers);
  }
  return record;
}
