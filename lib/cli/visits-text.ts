// A person's visits as a terminal shows them: how many, what is known of the newest, where they came from.
// Used by rollcall user.
import type { MemberView } from "../core/partition.ts";
import type { Json, JsonObject } from "../core/types.ts";
import { count, counted, duration, instant } from "./numbers.ts";
import { plain } from "./style.ts";

/** Place, device and source of the newest visit are those of the person, shown beside it. */
export function visitsText({ count: visits, newest }: MemberView["visits"]): string {
  if (newest === undefined) return "none";
  const { start, last, underWay, visit } = newest;
  const { pages, events, entry, page, channel } = visit;
  const line = [
    underWay ? `under way since ${instant(start)}` : `the newest ${instant(start)}`,
    ...(last > start ? [duration(last - start)] : []),
    ...(typeof pages === "number" ? [counted(pages, "page")] : []),
    ...(typeof events === "number" ? [counted(events, "event")] : []),
    ...(channel === undefined ? [] : [text(channel)]),
    ...(entry === undefined ? [] : [entry === page ? text(entry) : `${text(entry)} → ${text(page)}`]),
  ];
  return `${count(visits)}, ${line.join(" · ")}`;
}

/** The sources of the first visit, the newest and the one under way, a line each. */
export function sourceText(source: JsonObject): string {
  const names = Object.keys(source);
  const width = Math.max(...names.map((name) => name.length));
  const line = (name: string): string => {
    const { url, domain, subdomain: _, ...rest } = source[name] as JsonObject;
    const from = url ?? domain;
    const words = [...Object.values(rest).map(text), ...(from === undefined ? [] : [text(from)])];
    return `${name.padEnd(width)}  ${words.join(" · ")}`;
  };
  return names.map(line).join("\n");
}

function text(value: Json | undefined): string {
  return plain(typeof value === "string" ? value : JSON.stringify(value ?? null));
}
