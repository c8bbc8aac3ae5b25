// rollcall user --events | account --events: what somebody did, newest first. Beside people.ts and accounts.ts; the owner of
// the partition says where the log tells of them, and it is read there.
import type { LoggedEvent } from "../../lib/api/profiles/log-events.ts";
import { eventOut } from "../../lib/api/profiles/profile-shapes.ts";
import { type Timeline, timelineOf } from "../../lib/api/profiles/timeline.ts";
import { CliError, EXIT } from "../../lib/cli/errors.ts";
import { counted, instant } from "../../lib/cli/numbers.ts";
import { plain } from "../../lib/cli/style.ts";
import { type Format, printRows } from "../../lib/cli/table.ts";
import type { Json, JsonObject, MemberKind } from "../../lib/core/types.ts";
import { NatsLogLookup } from "../../lib/nats/log-lookup.ts";
import type { Context } from "./context.ts";
import { note, print, printJson } from "./output.ts";

const DETAIL_COLUMNS_MAX = 80;

/** What profiles and search ask, over this command's connection. */
export function peopleOf({ nc, names, partitions, clock, questions }: Context) {
  return { partitions, clock, questions, log: new NatsLogLookup(nc, names) };
}

export interface EventsOptions {
  readonly only?: string;
  readonly limit: number;
  readonly output: Format;
}

/** Page after page until there are enough. */
export async function events(
  context: Context,
  kind: MemberKind,
  id: string,
  { only, limit, output }: EventsOptions,
): Promise<void> {
  const told: LoggedEvent[] = [];
  let page: Timeline | undefined;
  do {
    const asked = { limit: limit - told.length, name: only, cursor: page?.next ?? undefined };
    page = await timelineOf(peopleOf(context), { kind, id }, asked, context.config.limits);
    if (page === undefined) {
      const what = kind === "user" ? "" : "an account ";
      throw new CliError(EXIT.usage, `No message has named ${what}"${plain(id)}" yet.`);
    }
    told.push(...page.events);
  } while (page.next !== null && told.length < limit);
  if (output === "json") printJson(told.map(eventOut));
  else print(eventsTable(told, kind, output, context));
  if (page.next !== null) note(`the newest ${counted(told.length, "event")}; --limit shows more`);
}

function eventsTable(told: readonly LoggedEvent[], kind: MemberKind, output: Format, { style }: Context): string {
  return printRows(
    told,
    [
      { title: "AT", key: "at", value: ({ at }) => new Date(at).toISOString(), show: ({ at }) => instant(at) },
      ...(kind === "user" ? [] : [{ title: "USER", key: "user", value: ({ user }: LoggedEvent) => user ?? null }]),
      { title: "EVENT", key: "event", value: ({ name, type }) => (name === "" ? type : name) },
      { title: "MESSAGE", key: "messageId", value: ({ messageId }) => messageId ?? null },
      { title: "SAYS", key: "says", value: saidIn, show: (event) => cut(plain(pairsOf(saidIn(event)))) },
    ],
    output,
    style,
  );
}

function saidIn({ type, properties, traits, groupId }: LoggedEvent): JsonObject {
  if (type !== "group") return type === "identify" ? traits : properties;
  return { ...(groupId === undefined ? {} : { groupId }), ...traits };
}

function pairsOf(record: JsonObject): string {
  const text = (value: Json): string => (typeof value === "string" ? value : JSON.stringify(value));
  return Object.entries(record)
    .map(([name, value]) => `${name} ${text(value)}`)
    .join(", ");
}

function cut(text: string): string {
  return text.length <= DETAIL_COLUMNS_MAX ? text : `${text.slice(0, DETAIL_COLUMNS_MAX - 1)}…`;
}
