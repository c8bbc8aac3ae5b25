// rollcall account: what is known of an account, who its users are, and for whom of them a segment's `users` rules hold.
// Beside people.ts; asks the account's owner, and all partitions for the users.
import type { Command } from "commander";
import { accountOut, accountUserOut } from "../../lib/api/audience/shapes.ts";
import { CliError, EXIT } from "../../lib/cli/errors.ts";
import { accountViewText, membersText } from "../../lib/cli/member-text.ts";
import { count, instant } from "../../lib/cli/numbers.ts";
import { plain } from "../../lib/cli/style.ts";
import { type Column, printRows } from "../../lib/cli/table.ts";
import type { AccountUser, AccountView, ExplainNode } from "../../lib/core/partition.ts";
import { type Context, connected } from "./context.ts";
import { note, print, printJson, withOutput } from "./output.ts";
import { segmentNamed, wholeNumber } from "./people.ts";
import { type EventsOptions, events } from "./timeline.ts";

const LIMIT_DEFAULT = 100;

interface AccountOptions extends EventsOptions {
  readonly users?: boolean;
  readonly events?: boolean;
  readonly rule?: string;
}

export function addAccounts(program: Command): void {
  withOutput(program.command("account").description("what is known of one account, or who its users are"))
    .argument("<id>")
    .option("--users", "its users, with their role and when they were last seen")
    .option("--events", "what was done in it, newest first, and by whom")
    .option("--only <event>", "with --events: only those of that name or type")
    .option("--rule <segment>", "with --users: those whom the `users` rules of this segment count")
    .option("--limit <n>", "with --users or --events: at most so many", wholeNumber, LIMIT_DEFAULT)
    .action((id: string, options: AccountOptions, command: Command) =>
      connected(command, (context) => account(context, id, options)),
    );
}

async function account(context: Context, id: string, options: AccountOptions): Promise<void> {
  const { users, rule, output } = options;
  if (options.events === true) return events(context, "account", id, options);
  if (options.only !== undefined) throw new CliError(EXIT.usage, "--only goes with --events.");
  if (rule !== undefined && users !== true) throw new CliError(EXIT.usage, "--rule goes with --users.");
  const { account: found } = await context.questions.account(id);
  if (found === null) throw new CliError(EXIT.usage, `No message has named an account "${plain(id)}" yet.`);
  if (rule !== undefined) return countedUsers(context, found, rule, options);
  if (users === true) return allUsers(context, found, options);
  if (output === "csv") throw new CliError(EXIT.usage, "An account is no table; csv goes with --users and --events.");
  if (output === "json") return printJson(accountOut(found));
  print(accountViewText(found, context.style, process.stdout.columns));
}

interface Row {
  readonly id: string;
  readonly rule: string;
}

const USER: Column<{ readonly id: string }> = { title: "USER", key: "id", value: ({ id }) => id };
const ROLE: Column<AccountUser> = { title: "ROLE", key: "role", value: ({ role }) => role ?? null };
const SINCE = momentColumn("SINCE", "since");
const LAST_SEEN = momentColumn("LAST SEEN", "lastSeen");

function momentColumn(title: string, key: "since" | "lastSeen"): Column<AccountUser> {
  const at = (user: AccountUser): string | null => (user[key] === undefined ? null : new Date(user[key]).toISOString());
  return { title, key, value: at, show: (user) => (user[key] === undefined ? "–" : instant(user[key])) };
}
const RULE: Column<Row> = { title: "RULE", key: "rule", value: ({ rule }) => rule };

async function allUsers(context: Context, view: AccountView, { limit, output }: AccountOptions): Promise<void> {
  const found = await context.questions.accountUsers(view.id, limit);
  if (output === "json") return printJson(found.map(accountUserOut));
  print(printRows(found, [USER, ROLE, SINCE, LAST_SEEN], output, context.style));
  tellHowMany(found.length, view.users);
}

/** A segment may have several such rules: each counts some of the users. */
async function countedUsers(
  context: Context,
  { id }: AccountView,
  segment: string,
  { limit, output }: AccountOptions,
): Promise<void> {
  await segmentNamed(context, segment);
  const { explain } = await context.questions.explain(segment, id);
  const rules = explain === null ? [] : usersRules(explain);
  if (rules.length === 0)
    throw new CliError(EXIT.usage, `${segment} has no \`users\` rule in force, so it counts nobody.`);
  const asked = await Promise.all(rules.map(({ rule }) => context.questions.accountUsers(id, limit, rule)));
  if (output === "json") {
    return printJson(rules.map((rule, index) => ({ ...rule, users: asked[index]!.map((user) => user.id) })));
  }
  const rows = rules.flatMap(({ rule }, index) => asked[index]!.map((user) => ({ id: user.id, rule })));
  print(printRows(rows, rules.length === 1 && output === "table" ? [USER] : [USER, RULE], output, context.style));
  for (const { rule, on, of } of rules) note(`${count(on)} of ${membersText(of, "user")}: ${plain(rule)}`);
}

type Crowd = Pick<NonNullable<ExplainNode["users"]>, "rule" | "on" | "of">;

/** Each rule once, however often the segment asks it. */
function usersRules(root: ExplainNode): Crowd[] {
  const found = new Map<string, Crowd>();
  const visit = ({ users, nodes }: ExplainNode): void => {
    if (users !== undefined) found.set(users.rule, users);
    for (const inner of nodes ?? []) visit(inner);
  };
  visit(root);
  return [...found.values()];
}

function tellHowMany(shown: number, all: number): void {
  if (shown < all) note(`${count(shown)} of ${membersText(all, "user")}; --limit shows more`);
  else note(membersText(all, "user"));
}
