// rollcall members | user | explain: who is in a segment, what is known of one person, and why they are in or out.
// Each asks the owners of the partitions.
import type { Command } from "commander";
import { withDecidingEvents } from "../../lib/api/deciding-events.ts";
import { explanationOut, userOut } from "../../lib/api/shapes.ts";
import { CliError, EXIT } from "../../lib/cli/errors.ts";
import { explainTree, toSatisfyLines } from "../../lib/cli/explain-tree.ts";
import { count, counted, duration, instant } from "../../lib/cli/numbers.ts";
import { plain } from "../../lib/cli/style.ts";
import { type Format, printRows } from "../../lib/cli/table.ts";
import { sourceText, visitsText } from "../../lib/cli/visits-text.ts";
import { partitionOf } from "../../lib/core/ids.ts";
import type { UserView } from "../../lib/core/partition.ts";
import { nearest } from "../../lib/core/rules/parse/problems.ts";
import type { Millis } from "../../lib/core/types.ts";
import { type Context, connected, unknownSegment } from "./context.ts";
import { note, print, printJson, withOutput } from "./output.ts";
import { type ExplainedAt, explainedAt } from "./played.ts";

const LIMIT_DEFAULT = 100;

export function addPeople(program: Command): void {
  withOutput(program.command("members").description("who is in a segment"))
    .argument("<segment>")
    .option("--limit <n>", "at most so many", wholeNumber, LIMIT_DEFAULT)
    .action((segment: string, options: { limit: number; output: Format }, command: Command) =>
      connected(command, (context) => members(context, segment, options)),
    );
  withOutput(program.command("user").description("what is known of one person"), ["table", "json"])
    .argument("<id>")
    .action((id: string, options: { output: Format }, command: Command) =>
      connected(command, (context) => user(context, id, options.output)),
    );
  withOutput(program.command("explain").description("why somebody is in a segment, or is not"), ["table", "json"])
    .argument("<segment>")
    .argument("<user>")
    .option("--at <time>", "as it was then, by the definition of now; the log is read up to there", momentOf)
    .action((segment: string, id: string, options: ExplainOptions, command: Command) =>
      connected(command, (context) => explain(context, segment, id, options)),
    );
}

function momentOf(text: string): Millis {
  const at = Date.parse(text);
  if (Number.isFinite(at)) return at;
  throw new CliError(EXIT.usage, `expected a time such as 2026-11-23T10:00:00Z, not "${text}"`);
}

export function wholeNumber(text: string): number {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw new CliError(EXIT.usage, `expected a whole number from 1 on, not "${text}"`);
}

async function assertSegment(context: Context, id: string): Promise<void> {
  const catalogue = await context.catalogue();
  if (catalogue.entry(id) !== undefined) return;
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
  await assertSegment(context, segment);
  const { size, members: found } = await context.questions.members(segment, options.limit);
  print(
    printRows(
      found,
      [
        { title: "USER", key: "id", value: ({ id }) => id },
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
  if (found.length < size) note(`${count(found.length)} of ${counted(size, "member")}; --limit shows more`);
  else note(counted(size, "member"));
}

/** What a person reads at a glance; JSON has all. */
const IDS_SHOWN_MAX = 10;
const OBJECTS_SHOWN_MAX = 20;

async function user(context: Context, id: string, format: Format): Promise<void> {
  const { user: found } = await context.questions.user(id);
  if (found === null) throw new CliError(EXIT.usage, `No message has named "${plain(id)}" yet.`);
  if (format === "json") return printJson(userOut(found));
  print(userText(found, context));
}

function userText(view: UserView, { style }: Context): string {
  const memberships = view.memberships.filter((membership) => membership.in);
  const was = view.memberships.filter((membership) => !membership.in);
  const title = (text: string): string => style.dim(text.padEnd(11));
  const indent = (text: string): string => text.split("\n").join(`\n${" ".repeat(11)}`);
  const lines = [
    style.bold(plain(view.id)),
    `${title("seen")}${instant(view.firstSeen)} – ${instant(view.lastSeen)}`,
    `${title("segments")}${memberships.length === 0 ? "none" : indent(memberships.map(({ segment, since }) => `${segment}  ${style.dim(`since ${instant(since)}`)}`).join("\n"))}`,
    ...(was.length === 0
      ? []
      : [
          `${title("was in")}${indent(was.map(({ segment, since }) => `${segment}  ${style.dim(`until ${instant(since)}`)}`).join("\n"))}`,
        ]),
    `${title("known as")}${indent(identitiesText(view.identities))}`,
    `${title("traits")}${indent(pairs(view.traits))}`,
    `${title("visits")}${indent(visitsText(view.visits))}`,
    ...(view.source === undefined ? [] : [`${title("came from")}${indent(sourceText(view.source))}`]),
    ...(["place", "network", "device"] as const).flatMap((kind) => {
      const record = view[kind];
      return record === undefined ? [] : [`${title(kind)}${indent(pairs(record))}`];
    }),
    ...(Object.keys(view.situations).length === 0
      ? []
      : [`${title("feeds")}${indent(situationsText(view.situations))}`]),
    `${title("cart")}${indent(pairs(view.cart))}`,
    `${title("orders")}${count(view.orders)}`,
    `${title("objects")}${indent(objectsText(view.objects))}`,
    `${title("lists")}${view.lists.length === 0 ? "none" : view.lists.map(plain).join(", ")}`,
  ];
  return lines.join("\n");
}

function identitiesText(identities: UserView["identities"]): string {
  const types = Object.entries(identities);
  if (types.length === 0) return "nothing but a list";
  return types.map(([type, ids]) => plain(`${type}  ${listed(ids)}`)).join("\n");
}

/** One line a value, with the feed's kind before it. */
function situationsText(situations: UserView["situations"]): string {
  return Object.entries(situations)
    .flatMap(([kind, values]) => Object.entries(values).map(([key, value]) => ({ kind, key, value })))
    .map(({ kind, key, value }) => plain(`${kind}  ${key}  ${JSON.stringify(value)}`))
    .join("\n");
}

function objectsText(objects: UserView["objects"]): string {
  const types = Object.entries(objects);
  if (types.length === 0) return "none";
  return types
    .flatMap(([type, ofType]) => {
      const held = Object.entries(ofType);
      const shown = held.slice(0, OBJECTS_SHOWN_MAX).map(([id, { id: _, type: __, ...attributes }]) => {
        return plain(`  ${id}  ${JSON.stringify(attributes)}`);
      });
      const more = held.length - shown.length;
      return [plain(`${type}  ${count(held.length)}`), ...shown, ...(more === 0 ? [] : [`  … ${count(more)} more`])];
    })
    .join("\n");
}

function listed(ids: readonly string[]): string {
  const more = ids.length - IDS_SHOWN_MAX;
  return [...ids.slice(0, IDS_SHOWN_MAX), ...(more > 0 ? [`… ${count(more)} more`] : [])].join(", ");
}

function pairs(value: UserView["traits"]): string {
  if (value === null || typeof value !== "object") return plain(JSON.stringify(value));
  const entries = Object.entries(value);
  if (entries.length === 0) return "none";
  return entries.map(([key, inner]) => plain(`${key}  ${JSON.stringify(inner)}`)).join("\n");
}

async function explainedNow(context: Context, segment: string, id: string): Promise<ExplainedAt> {
  const { nc, names, partitions, questions } = context;
  const { explain: root, clock } = await questions.explain(segment, id);
  const where = { nc, names, partition: partitionOf(id, partitions) };
  return {
    clock,
    explain: root === null ? null : await withDecidingEvents(root, where),
    user: (await questions.user(id)).user,
  };
}

interface ExplainOptions {
  readonly at?: Millis;
  readonly output: Format;
}

async function explain(context: Context, segment: string, id: string, { at, output }: ExplainOptions): Promise<void> {
  await assertSegment(context, segment);
  const found =
    at === undefined ? await explainedNow(context, segment, id) : await explainedAt(context, segment, id, at);
  if (found.explain === null) {
    throw new CliError(
      EXIT.usage,
      `Nothing to explain: no message has named "${plain(id)}" ${at === undefined ? "yet" : "by then"}, or ${segment} is not in force yet.`,
    );
  }
  const { clock, explain: root, user: view } = found;
  const membership = view?.memberships.find((one) => one.segment === segment);
  if (output === "json") {
    const out = explanationOut({ segment, user: id, clock, explanation: root });
    return printJson({ segment, user: id, in: membership?.in ?? false, ...out });
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
