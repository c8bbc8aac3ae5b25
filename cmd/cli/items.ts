// rollcall items import | show: the catalogue that events' items are looked up in. Reading files is lib/import/item-rows.ts,
// checking and writing lib/api/world/feeds.ts; what is written counts for what happens from then on.
import { type Command, Option } from "commander";
import { auditedInSteps, type Change } from "../../lib/api/security/auditing.ts";
import { BadFeed, type ItemsMode, ItemsWriter, readItem } from "../../lib/api/world/feeds.ts";
import { CliError, EXIT } from "../../lib/cli/errors.ts";
import { count, counted } from "../../lib/cli/numbers.ts";
import { progressBar } from "../../lib/cli/progress.ts";
import { describeRule } from "../../lib/cli/rule-text.ts";
import { plain, styleFor } from "../../lib/cli/style.ts";
import { COLUMN_TYPES, type ColumnType, HeaderWrong, type ItemFile, openItems } from "../../lib/import/item-rows.ts";
import { typeOption } from "./column-types.ts";
import { type Context, connected } from "./context.ts";
import { note, print, printJson } from "./output.ts";

const MODES: readonly ItemsMode[] = ["merge", "replace", "remove"];
const REASONS_SHOWN_MAX = 10;

interface ImportOptions {
  readonly mode: ItemsMode;
  readonly type: ReadonlyMap<string, ColumnType>;
}

export function addItems(program: Command): void {
  const items = program.command("items").description("the catalogue: attributes of items by their id");
  items
    .command("import")
    .description("items from a file: CSV, TSV, JSON lines, YAML or JSON; the column or key id names each")
    .argument("<file>")
    .addOption(
      new Option("--mode <mode>", "lay attributes over those known, make them the only ones, or remove the items")
        .choices(MODES)
        .default("merge"),
    )
    .addOption(typeOption(COLUMN_TYPES, "price is a number, others text"))
    .action((file: string, options: ImportOptions, command: Command) =>
      connected(command, (context) => importItems(context, file, options)),
    );
  items
    .command("show")
    .description("what is known of an item")
    .argument("<id>")
    .addOption(new Option("-o, --output <format>", "how to print").choices(["yaml", "json"]).default("yaml"))
    .action((id: string, options: { output: string }, command: Command) =>
      connected(command, (context) => showItem(context, id, options.output)),
    );
}

async function importItems(context: Context, file: string, { mode, type }: ImportOptions): Promise<void> {
  const source = await openOrExplain(file, type);
  const writer = new ItemsWriter(context.control, await context.catalogue(), mode);
  const bar = progressBar("items");
  let refused = 0;
  const refuse = (line: number, reason: string): void => {
    refused += 1;
    if (refused <= REASONS_SHOWN_MAX) bar.line(`${file}:${line}: ${plain(reason)}`);
  };
  const takeAll = async (): Promise<void> => {
    let read = 0;
    for await (const { line, item, reason } of source.rows) {
      read += 1;
      bar.update({ fraction: source.fraction(), done: read, unit: "items" });
      if (reason !== undefined) refuse(line, reason);
      else await takeItem(writer, item, context, (why) => refuse(line, why));
    }
    await writer.end();
  };
  const made = (): Change | undefined =>
    writer.told.written === 0 ? undefined : { what: `items.${mode}`, detail: { items: writer.told.written } };
  try {
    await auditedInSteps((change) => context.audited(change), made, takeAll);
  } catch (error) {
    if (error instanceof HeaderWrong) throw new CliError(EXIT.usage, `${file}: ${error.message}`);
    throw error;
  } finally {
    bar.end();
  }
  const { written, unchanged, entries } = writer.told;
  const verb = mode === "remove" ? "removed" : "written";
  const entriesText = counted(entries, "entry", "entries");
  print(
    `${counted(written, "item")} ${verb} in ${entriesText}, ${count(unchanged)} unchanged, ${count(refused)} refused`,
  );
  if (refused > REASONS_SHOWN_MAX) note(`The first ${REASONS_SHOWN_MAX} reasons are shown above.`);
  if (refused > 0) process.exitCode = EXIT.failed;
}

async function takeItem(
  writer: ItemsWriter,
  item: unknown,
  context: Context,
  refuse: (why: string) => void,
): Promise<void> {
  try {
    await writer.add(readItem(item, context.config.limits));
  } catch (error) {
    if (!(error instanceof BadFeed)) throw error;
    refuse(error.message);
  }
}

async function openOrExplain(file: string, types: ReadonlyMap<string, ColumnType>): Promise<ItemFile> {
  try {
    return await openItems(file, types);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new CliError(EXIT.usage, `${file} cannot be read (${code ?? message}).`);
  }
}

async function showItem(context: Context, id: string, output: string): Promise<void> {
  const attributes = (await context.catalogue()).state.catalogue.attributesOf(id);
  if (attributes === undefined) {
    throw new CliError(
      EXIT.usage,
      `Nothing is known of an item "${plain(id)}". \`rollcall items import FILE\` brings items.`,
    );
  }
  if (output === "json") return printJson({ id, attributes });
  print(styleFor(process.stdout).bold(plain(id)));
  print(describeRule(attributes));
}
