// rollcall lists set | add | remove | ls | rm: static groups, given by hand or from a file, that rules can refer to.
// A change is one control entry; it counts for all its members from its place in each partition's log.
import { readFile } from "node:fs/promises";
import { type Command, Option } from "commander";
import { appendEntry, listEntry } from "../../lib/api/apply.ts";
import { CliError, EXIT } from "../../lib/cli/errors.ts";
import { count, counted } from "../../lib/cli/numbers.ts";
import { type Format, printRows } from "../../lib/cli/table.ts";
import { listReferences } from "../../lib/core/rules/checks/graph.ts";
import { nearest } from "../../lib/core/rules/parse/problems.ts";
import type { MemberKind } from "../../lib/core/types.ts";
import { type Context, connected } from "./context.ts";
import { note, print, withOutput } from "./output.ts";

const CHANGES = [
  ["set", "replace", "make the list exactly these members"],
  ["add", "add", "add members to the list"],
  ["remove", "remove", "take members out of the list"],
] as const;

export function addLists(program: Command): void {
  const lists = program.command("lists").description("static groups of users, or of accounts, that rules refer to");
  for (const [name, mode, description] of CHANGES) {
    lists
      .command(name)
      .description(description)
      .argument("<list>", "the list's id")
      .argument("[ids...]", "ids of users, or of accounts")
      .addOption(new Option("--kind <kind>", "whose ids they are; a list keeps its kind").choices(["user", "account"]))
      .option("-f, --file <path>", "read ids from a file, one a line (- for standard input)")
      .action((list: string, ids: string[], options: ChangeOptions, command: Command) =>
        connected(command, (context) => change(context, list, mode, ids, options)),
      );
  }
  withOutput(lists.command("ls").description("the lists there are")).action(
    (options: { output: Format }, command: Command) =>
      connected(command, (context) => showAll(context, options.output)),
  );
  lists
    .command("rm")
    .description("delete a list; refused while a segment refers to it")
    .argument("<list>")
    .action((list: string, _options: unknown, command: Command) =>
      connected(command, (context) => removeList(context, list)),
    );
}

interface ChangeOptions {
  readonly file?: string;
  readonly kind?: MemberKind;
}

async function change(
  context: Context,
  id: string,
  mode: "add" | "remove" | "replace",
  given: readonly string[],
  { file, kind }: ChangeOptions,
): Promise<void> {
  const members = [...new Set([...given, ...(file === undefined ? [] : await idsIn(file))])];
  if (members.length === 0 && mode !== "replace")
    throw new CliError(EXIT.usage, "Name at least one id, or give --file.");
  const tooLong = members.find((member) => Buffer.byteLength(member) > context.config.limits.idBytesMax);
  if (tooLong !== undefined) {
    throw new CliError(
      EXIT.usage,
      `"${tooLong.slice(0, 40)}…" is longer than an id may be (idBytesMax ${context.config.limits.idBytesMax}).`,
    );
  }
  const catalogue = await context.catalogue();
  const revision = await appendEntry(context.control, catalogue, () =>
    listEntry(id, kindOf(catalogue, id, kind), mode, members),
  );
  const outcome = revision === undefined ? undefined : catalogue.outcomes.get(revision);
  if (outcome?.type === "rejected") throw new CliError(EXIT.usage, `The list was refused: ${outcome.detail}.`);
  // Who they are is personal; how many, and of which list, is not.
  await context.audited({
    what: `lists.${mode}`,
    target: id,
    detail: { revision: revision ?? null, members: members.length },
  });
  const noun = catalogue.listKinds.get(id) === "account" ? "account" : "member";
  note(`${id} has ${counted(catalogue.lists.get(id)?.size ?? 0, noun)} now.`);
}

/** A list that is there keeps its kind, so it need not be said again. */
function kindOf({ listKinds }: Known, id: string, asked: MemberKind | undefined): MemberKind {
  const held = listKinds.get(id);
  if (held === undefined || asked === undefined || held === asked) return held ?? asked ?? "user";
  throw new CliError(
    EXIT.usage,
    `The list ${id} holds ${held}s, and keeps its kind: give the ${asked}s a list of another id.`,
  );
}

async function idsIn(file: string): Promise<readonly string[]> {
  const text =
    file === "-"
      ? await standardInput()
      : await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
          throw new CliError(EXIT.usage, `${file} cannot be read (${error.code ?? error.message}).`);
        });
  return text
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== "");
}

async function standardInput(): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString("utf8");
}

async function showAll(context: Context, format: Format): Promise<void> {
  const catalogue = await context.catalogue();
  const rows = [...catalogue.lists].map(([id, members]) => ({
    id,
    kind: catalogue.listKinds.get(id) ?? "user",
    members: members.size,
    usedBy: usersOf(catalogue, id),
  }));
  print(
    printRows(
      rows.sort((a, b) => (a.id < b.id ? -1 : 1)),
      [
        { title: "LIST", key: "id", value: (row) => row.id },
        { title: "KIND", key: "kind", value: (row) => row.kind },
        {
          title: "MEMBERS",
          key: "members",
          value: (row) => row.members,
          show: (row) => count(row.members),
          align: "right",
        },
        { title: "USED BY", key: "usedBy", value: (row) => row.usedBy, show: (row) => row.usedBy.join(", ") },
      ],
      format,
      context.style,
    ),
  );
  if (rows.length === 0) note("There are no lists yet. Make one: rollcall lists set employees u1 u2");
}

type Known = Awaited<ReturnType<Context["catalogue"]>>;

function usersOf({ state }: Known, list: string): string[] {
  const pending = [...state.pending.values()].flatMap(({ define }) => [...define.values()]);
  const using = [...state.active.values(), ...pending].filter(({ definition }) =>
    listReferences(definition.rule).includes(list),
  );
  return [...new Set(using.map(({ definition }) => definition.id))].sort();
}

async function removeList(context: Context, id: string): Promise<void> {
  const catalogue = await context.catalogue();
  if (!catalogue.lists.has(id)) {
    const meant = nearest(id, catalogue.lists.keys());
    throw new CliError(EXIT.usage, `There is no list "${id}".${meant === undefined ? "" : ` Did you mean ${meant}?`}`);
  }
  await appendEntry(context.control, catalogue, () => {
    const using = usersOf(catalogue, id);
    if (using.length > 0) throw new CliError(EXIT.usage, `${id} is in use by ${using.join(", ")}; change those first.`);
    return { op: "removeList", id };
  });
  await context.audited({ what: "lists.delete", target: id });
  note(`${id} is gone.`);
}
