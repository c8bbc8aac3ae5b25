// rollcall lists set | add | remove | ls | rm: static groups, given by hand or from a file, that rules can refer to.
// What a change is stands in lib/api/world/lists.ts; it counts for its members from its place in each partition's log.
import { readFile } from "node:fs/promises";
import { type Command, Option } from "commander";
import { auditedInSteps } from "../../lib/api/security/auditing.ts";
import { changeList, ListWritten, listsOf, removeList } from "../../lib/api/world/lists.ts";
import { CliError, EXIT } from "../../lib/cli/errors.ts";
import { count, counted } from "../../lib/cli/numbers.ts";
import { type Format, printRows } from "../../lib/cli/table.ts";
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
      connected(command, (context) => remove(context, list)),
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
  const catalogue = await context.catalogue();
  const desk = { control: context.control, catalogue, limits: context.config.limits };
  const written = new ListWritten();
  const { revisions } = written;
  const list = await auditedInSteps(
    (told) => context.audited(told),
    // Who they are is personal; how many, and of which list, is not.
    () =>
      revisions.length === 0
        ? undefined
        : { what: `lists.${mode}`, target: id, detail: { revisions, members: written.members } },
    () => changeList(desk, { id, mode, members, ...(kind === undefined ? {} : { kind }) }, written),
  );
  note(`${id} has ${counted(list.members, list.kind === "account" ? "account" : "member")} now.`);
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
  const rows = listsOf(catalogue);
  print(
    printRows(
      rows,
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

async function remove(context: Context, id: string): Promise<void> {
  const { control, config } = context;
  await removeList({ control, catalogue: await context.catalogue(), limits: config.limits }, id);
  await context.audited({ what: "lists.delete", target: id });
  note(`${id} is gone.`);
}
