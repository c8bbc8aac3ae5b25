// What a rule reads of a visit, worked out of the events that belong to it now (rules.md 4.5).
// meaning.ts gathers the events; visits.ts has cut them into visits.
import type { Vocabulary } from "../core/vocabulary.ts";
import type { Occurrence } from "./history.ts";
import { DIRECT, type Source, sourceOf } from "./sources.ts";
import { isRecord } from "./values.ts";
import type { Visit } from "./visits.ts";

/** A visit and its events, earliest first; of equal times the one that stands first in the log. */
export interface VisitStory {
  readonly visit: Visit;
  readonly events: readonly Occurrence[];
}

export function visitStory(visit: Visit, events: readonly Occurrence[]): VisitStory {
  return { visit, events: [...events].sort((a, b) => a.time - b.time || a.seq - b.seq) };
}

export function visitRecord({ visit, events }: VisitStory, vocabulary: Vocabulary): Record<string, unknown> {
  const calls = events.filter(({ event }) => event.type === "page" || event.type === "screen");
  const paths = calls.map(pathOf).filter((path) => path !== undefined);
  return {
    duration: visit.last - visit.start,
    pages: calls.length,
    events: events.length,
    entry: paths.at(0),
    page: paths.at(-1),
    channel: events.find(({ event }) => event.channel !== undefined)?.event.channel,
    source: visitSource({ visit, events }, vocabulary),
    place: firstOf(events.map((one) => carried(one, "place"))),
    device: firstOf(events.map((one) => carried(one, "device"))),
  };
}

export function visitSource({ events }: VisitStory, vocabulary: Vocabulary): Source {
  return firstOf(events.map(({ event }) => sourceOf(event, vocabulary))) ?? DIRECT;
}

/** The record that an event carries whole, or none. */
export function carried({ event }: Occurrence, kind: "place" | "network" | "device"): object | undefined {
  const value = event.context[kind];
  return isRecord(value) ? value : undefined;
}

function pathOf({ event }: Occurrence): string | undefined {
  const { page } = event.context;
  const path = isRecord(page) && typeof page.path === "string" ? page.path : event.properties.path;
  return typeof path === "string" ? path : undefined;
}

function firstOf<T>(values: readonly (T | undefined)[]): T | undefined {
  return values.find((value) => value !== undefined);
}
