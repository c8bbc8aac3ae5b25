// rollcall members | user | explain: who is in a segment, what is known of one person, and why they are in or out.
// Each asks the owners of the partitions.
import type { Command } from "commander";
import { explained } from "../../lib/api/audience/explaining.ts";
import { explanationOut, userOut } from "../../lib/api/audience/shapes.ts";
import type { CatalogueEntry } from "../../lib/api/segments/catalogue.ts";
import { type ExplainedAt, explainedAt } from "../../lib/backtest/played.ts";
import { CliError, EXIT } from "../../lib/cli/errors.ts";
import { explainTree, toSatisfyLines } from "../../lib/cli/explain-tree.ts";
import { membersText, userText } from "../../lib/cli/member-text.ts";
import { count, duration, instant } from "../../lib/cli/numbers.ts";
import { plain } from "../../lib/cli/style.ts";
import { type Format, printRows } from "../../lib/cli/table.ts";
import { nearest } from "../../lib/core/rules/parse/problems.ts";
import type { Millis } from "../../lib/core/types.ts";
import { NatsLogLookup } from "../../lib/nats/log-lookup.ts";
import { type Context, connected, unknownSegment } from "./context.ts";
import { note, print, printJson, withOutput } from "./output.ts";
import { playing } from "./played.ts";
import { type EventsOptions, events } from "./timeline.ts";

const LIMIT_DEFAULT = 100;

export function addPeople(program: Command): void {
  withOutput(program.command("members").description("who is in a segment"))
    .argument("<segment>")
    .option("--limit <n>", "at most so many", wholeNumber, LIMIT_DEFAULT)
    .action((segment: string, options: { limit: number; output: Format }, command: Command) =>
      connected(command, (context) => members(context, segment, options)),
    );
  withOutput(program.command("user").description("what is known of one person, or what they did"))
    .argument("<id>")
    .option("--events", "what they did, newest first")
    .option("--only <event>", "with --events: only those of that name or type")
    .option("--limit <n>", "with --events: at most so many", wholeNumber, LIMIT_DEFAULT)
    .action((id: string, options: UserOptions, command: Command) =>
      connected(command, (context) => user(context, id, options)),
    );
  withOutput(program.command("explain").description("why somebody is in a segment, or is not"), ["table", "json"])
    .argument("<segment>")
    .argument("<id>", "of a user, or of an account where the segment is one of accounts")
    .option("--at <time>", "as it was then, by the definition of now; the log is read up to there", momentOf)
    .action((segment: string, id: string, options: ExplainOptions, command: Command) =>
      connected(command, (context) => explain(context, segment, id, options)),
    );
}

export function momentOf(text: string): Millis {
  const at = Date.parse(text);
  if (Number.isFinite(at)) return at;
  throw new CliError(EXIT.usage, `expected a time such as 2026-11-23T10:00:00Z, not "${text}"`);
}

export function wholeNumber(text: string): number {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw new CliError(EXIT.usage, `expected a whole number from 1 on, not "${text}"`);
}

/** Refuses an unknown one, with the one that was probably meant. */
export async function segmentNamed(context: Context, id: string): Promise<CatalogueEntry> {
  const catalogue = await context.catalogue();
  const entry = catalogue.entry(id);
  if (entry !== undefined) return entry;
  throw unknownSegment(
    id,
    catalogue,
    nearest(
      id,
      catalogue.segments().map((segment) => segment.id),
    ),
  );
}

async function members(context: Context, segment: string, options: { limit: number; output: Format }): Promise<void> {
  const { kind } = await segmentNamed(context, segment);
  const { size, members: found } = await context.questions.members(segment, options.limit);
  print(
    printRows(
      found,
      [
        { title: kind.toUpperCase(), key: "id", value: ({ id }) => id },
        {
          title: "SINCE",
          key: "since",
          value: ({ since }) => new Date(since).toISOString(),
          show: ({ since }) => instant(since),
        },
        { title: "CHANGES", key: "n", value: ({ n }) => n, align: "right" },
      ],
      options.output,
      context.style,
    ),
  );
  if (found.length < size) note(`${count(found.length)} of ${membersText(size, kind)}; --limit shows more`);
  else note(membersText(size, kind));
}

interface UserOptions extends EventsOptions {
  readonly events?: boolean;
}

async function user(context: Context, id: string, options: UserOptions): Promise<void> {
  const { output: format } = options;
  if (options.events === true) return events(context, "user", id, options);
  if (options.only !== undefined) throw new CliError(EXIT.usage, "--only goes with --events.");
  if (format === "csv") throw new CliError(EXIT.usage, "A person is no table; csv goes with --events.");
  const { user: found } = await context.questions.user(id);
  if (found === null) throw new CliError(EXIT.usage, `No message has named "${plain(id)}" yet.`);
  if (format === "json") return printJson(userOut(found));
  print(userText(found, context.style));
}

async function explainedNow(
  { nc, names, partitions, questions, config }: Context,
  { id: segment, kind }: CatalogueEntry,
  id: string,
): Promise<ExplainedAt> {
  const log = new NatsLogLookup(nc, names);
  const found = await explained({ questions, logs: { log, partitions, limits: config.limits } }, segment, { kind, id });
  const view = kind === "user" ? (await questions.user(id)).user : (await questions.account(id)).account;
  return { ...found, memberships: view?.memberships ?? [] };
}

interface ExplainOptions {
  readonly at?: Millis;
  readonly output: Format;
}

async function explain(context: Context, segment: string, id: string, { at, output }: ExplainOptions): Promise<void> {
  const entry = await segmentNamed(context, segment);
  const { kind } = entry;
  const found =
    at === undefined
      ? await explainedNow(context, entry, id)
      : await playing(context, (logs) => explainedAt(logs, segment, id, at));
  if (found.explain === null) throw await nothingToExplain(context, entry, id, at === undefined ? "yet" : "by then");
  const { clock, explain: root } = found;
  const membership = found.memberships.find((one) => one.segment === segment);
  if (output === "json") {
    const out = explanationOut({ segment, kind, id, clock, explanation: root });
    return printJson({ segment, [kind]: id, in: membership?.in ?? false, ...out });
  }
  const { style } = context;
  const turns = toSatisfyLines(root, style);
  const now = membership?.in === true ? style.green("is in") : style.red("is not in");
  const since =
    membership === undefined || membership.since === 0
      ? ""
      : style.dim(` since ${instant(membership.since)} (${duration(clock - membership.since)})`);
  print(
    `${style.bold(plain(id))} ${now} ${style.bold(segment)}${since}\n${explainTree(root, clock, style, process.stdout.columns)}`,
  );
  if (turns.length > 0)
    print(
      `\n${style.dim(turns.length === 1 ? "one rule is missing" : "the fewest rules that are missing")}\n${turns.join("\n")}`,
    );
}

/** Who asks about a user where the segment is one of accounts is told which account is meant. */
async function nothingToExplain(
  { questions }: Context,
  { id: segment, kind }: CatalogueEntry,
  id: string,
  when: string,
): Promise<CliError> {
  const shown = `"${plain(id)}"`;
  if (kind === "user") {
    const why = `no message has named ${shown} ${when}, or ${segment} is not in force yet`;
    return new CliError(EXIT.usage, `Nothing to explain: ${why}.`);
  }
  const user = await questions.user(id).catch(() => undefined);
  const home = user?.user?.account?.id;
  const meant = home === undefined ? "" : ` ${shown} is a user of ${plain(home)}; ask about that account.`;
  const why = `${segment} is a segment of accounts, and no message has named an account ${shown} ${when}, or it is not in force yet`;
  return new CliError(EXIT.usage, `Nothing to explain: ${why}.${meant}`);
}
