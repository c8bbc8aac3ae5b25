// rollcall situation set | clear | ls: what a feed says of a place (weather, a strike, a match), by hand or from a script.
// People who are there join and leave with it; the checks and the writing are lib/api/world/feeds.ts.
import type { Command } from "commander";
import {
  appendSituation,
  BadFeed,
  type KnownSituation,
  placeText,
  readSituation,
  situationsAt,
} from "../../lib/api/world/feeds.ts";
import { CliError, EXIT } from "../../lib/cli/errors.ts";
import { duration, instant } from "../../lib/cli/numbers.ts";
import { plain } from "../../lib/cli/style.ts";
import { type Format, printRows } from "../../lib/cli/table.ts";
import type { Json } from "../../lib/core/types.ts";
import { type Context, connected } from "./context.ts";
import { note, print, withOutput } from "./output.ts";

export function addSituations(program: Command): void {
  const situation = program
    .command("situation")
    .description("values of a feed at a place, such as the weather in a city");
  situation
    .command("set")
    .description("say what is at a place, until it is replaced, cleared or over")
    .argument("<kind>", "weather, or any name that rules ask for")
    .argument("<values...>", 'key=value; 7 is a number, true a boolean, "7" in quotes a text')
    .requiredOption("--place <place>", "country, country/region or country/region/city")
    .option("--until <time>", "a date-time with its offset, or a duration from now (3h)")
    .action((kind: string, values: string[], options: { place: string; until?: string }, command: Command) =>
      connected(command, (context) =>
        say(context, {
          kind,
          place: options.place,
          values: valuesOf(values),
          ...(options.until === undefined ? {} : { until: untilOf(options.until, context.clock) }),
        }),
      ),
    );
  situation
    .command("clear")
    .description("say that nothing is known of a place any more")
    .argument("<kind>")
    .requiredOption("--place <place>", "country, country/region or country/region/city")
    .action((kind: string, { place }: { place: string }, command: Command) =>
      connected(command, (context) => say(context, { kind, place, values: null })),
    );
  withOutput(situation.command("ls").description("what is said of which place"))
    .argument("[kind]")
    .action((kind: string | undefined, options: { output: Format }, command: Command) =>
      connected(command, (context) => list(context, kind, options.output)),
    );
}

/** What JSON reads as a number, a boolean or a quoted text is one; anything else is a text as it stands. */
function valuesOf(given: readonly string[]): Record<string, Json> {
  const values: Record<string, Json> = {};
  for (const text of given) {
    const at = text.indexOf("=");
    if (at < 1) throw new CliError(EXIT.usage, `Write values as key=value; found "${plain(text)}".`);
    values[text.slice(0, at)] = scalarOf(text.slice(at + 1));
  }
  return values;
}

function scalarOf(text: string): Json {
  try {
    const value = JSON.parse(text) as Json;
    return typeof value === "object" ? text : value;
  } catch {
    return text;
  }
}

const UNIT_MS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 };

function untilOf(text: string, clock: Context["clock"]): Json {
  const match = /^(\d{1,6})([smhdw])$/.exec(text);
  if (match === null) return text;
  if (clock === "event") {
    throw new CliError(
      EXIT.usage,
      "The clock of this data set follows its events, so --until takes a date-time, not a duration.",
    );
  }
  // To the second: nobody says three hours and means the millisecond.
  return Math.ceil(Date.now() / 1_000) * 1_000 + Number(match[1]) * UNIT_MS[match[2]!]!;
}

async function say(
  context: Context,
  written: { readonly kind: string; readonly place: string; readonly values: Json },
): Promise<void> {
  const catalogue = await context.catalogue();
  const entry = read(written, context);
  const revision = await appendSituation(context.control, catalogue, entry);
  const where = `${plain(entry.kind)} at ${plain(placeText(entry.place))}`;
  if (revision === undefined) return note(`${where}: nothing new.`);
  const target = `${entry.kind} ${placeText(entry.place)}`;
  await context.audited({ what: "situations.set", target, detail: { revision, cleared: entry.values === null } });
  note(entry.values === null ? `${where} is cleared.` : `${where} is set.`);
}

function read(written: unknown, { config }: Context) {
  try {
    return readSituation(written, config.limits);
  } catch (error) {
    if (error instanceof BadFeed) throw new CliError(EXIT.usage, `${error.message}.`);
    throw error;
  }
}

async function list(context: Context, kind: string | undefined, format: Format): Promise<void> {
  // Where the clock follows the events nobody here knows what is over.
  const now = context.clock === "log" ? Date.now() : Number.NEGATIVE_INFINITY;
  const rows = situationsAt(await context.catalogue(), now).filter((row) => kind === undefined || row.kind === kind);
  print(
    printRows<KnownSituation>(
      rows,
      [
        { title: "KIND", key: "kind", value: (row) => row.kind },
        { title: "PLACE", key: "place", value: (row) => placeText(row.place) },
        {
          title: "LASTS",
          key: "until",
          value: (row) => (row.until === null ? null : new Date(row.until).toISOString()),
          show: (row) => untilText(row.until, now),
        },
        { title: "VALUES", key: "values", value: (row) => row.values, show: (row) => valuesText(row.values) },
      ],
      format,
      context.style,
    ),
  );
  if (rows.length === 0) {
    note("Nothing is said of any place. Say something: rollcall situation set weather --place DE condition=rain");
  }
}

function untilText(until: number | null, now: number): string {
  if (until === null) return "–";
  return Number.isFinite(now) ? duration(until - now) : `until ${instant(until)}`;
}

function valuesText(values: KnownSituation["values"]): string {
  return Object.entries(values)
    .map(([key, value]) => plain(`${key}=${typeof value === "string" ? value : JSON.stringify(value)}`))
    .join(" ");
}
