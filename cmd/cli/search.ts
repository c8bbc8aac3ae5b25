// rollcall search: who is meant by a text, among people and accounts. Beside people.ts; asks the owners of the partitions,
// slice by slice.
import { type Command, Option } from "commander";
import { foundOut } from "../../lib/api/profiles/profile-shapes.ts";
import { type Found, type SearchPlace, searchPage } from "../../lib/api/profiles/search.ts";
import { count, instant } from "../../lib/cli/numbers.ts";
import { plain } from "../../lib/cli/style.ts";
import { type Format, printRows } from "../../lib/cli/table.ts";
import type { AccountView, UserView } from "../../lib/core/partition.ts";
import type { JsonObject, MemberKind } from "../../lib/core/types.ts";
import { type Context, connected } from "./context.ts";
import { note, print, printJson, withOutput } from "./output.ts";
import { wholeNumber } from "./people.ts";
import { peopleOf } from "./timeline.ts";

const FOUND_DEFAULT = 20;

interface SearchOptions {
  readonly kind?: MemberKind;
  readonly field?: string;
  readonly limit: number;
  readonly output: Format;
}

export function addSearch(program: Command): void {
  withOutput(
    program
      .command("search")
      .description("people and accounts by the beginning of an id, a name, an e-mail, any trait"),
  )
    .argument("<text>")
    .addOption(new Option("--kind <kind>", "only people, or only accounts").choices(["user", "account"]))
    .option("--field <name>", "look only at this trait, at this type of identity, or at `id`")
    .option("--limit <n>", "at most so many", wholeNumber, FOUND_DEFAULT)
    .action((text: string, options: SearchOptions, command: Command) =>
      connected(command, (context) => search(context, text, options)),
    );
}

async function search(context: Context, text: string, { kind, field, limit, output }: SearchOptions): Promise<void> {
  const source = peopleOf(context);
  const asked = { text, ...(kind === undefined ? {} : { kind }), ...(field === undefined ? {} : { field }) };
  const exact = field === undefined || field === "id" ? await namedSo(context, text, kind) : [];
  const found = [];
  let from: SearchPlace | undefined;
  let partial = false;
  do {
    const page = await searchPage(source, {
      asked,
      exact,
      limit: limit - found.length,
      from,
      now: () => performance.now(),
    });
    found.push(...page.items);
    partial ||= page.partial && page.next === null;
    from = page.next ?? undefined;
  } while (from !== undefined && found.length < limit);
  if (output === "json") printJson(found.map(foundOut));
  else print(foundTable(found, output, context));
  if (found.length === 0) note(`Nobody is found by "${plain(text)}".`);
  if (from !== undefined) note(`the first ${count(found.length)}; there may be more, and --limit shows them`);
  if (partial) note("Not every owner answered: there may be others. `rollcall doctor` says who does not.");
}

function foundTable(found: readonly Found[], output: Format, { style }: Context): string {
  return printRows(
    found,
    [
      { title: "KIND", key: "kind", value: ({ kind }) => kind },
      { title: "ID", key: "id", value: ({ id }) => id },
      { title: "NAME", key: "name", value: ({ name }) => name ?? null },
      { title: "FOUND BY", key: "field", value: ({ field }) => field },
      { title: "VALUE", key: "value", value: ({ value }) => value },
      {
        title: "LAST SEEN",
        key: "lastSeen",
        value: ({ lastSeen }) => new Date(lastSeen).toISOString(),
        show: ({ lastSeen }) => instant(lastSeen),
      },
    ],
    output,
    style,
  );
}

async function namedSo({ questions }: Context, id: string, kind: MemberKind | undefined): Promise<Found[]> {
  const user = kind === "account" ? null : (await questions.user(id)).user;
  const account = kind === "user" ? null : (await questions.account(id)).account;
  return [
    ...(user === null ? [] : [exactly("user", user)]),
    ...(account === null ? [] : [exactly("account", account)]),
  ];
}

function exactly(kind: MemberKind, { id, traits, lastSeen }: UserView | AccountView): Found {
  const { name } = traits as JsonObject;
  return { kind, id, field: "id", value: id, ...(typeof name === "string" ? { name } : {}), lastSeen };
}
