// rollcall enrich: a filter for those who publish by themselves. Messages in, one a line; the same out, with what the door
// writes into an event. It asks no server. What is written is lib/enrich's.
import { once } from "node:events";
import { stat } from "node:fs/promises";
import type { Command } from "commander";
import { addFlags } from "../../config/flags.ts";
import { CliError, EXIT } from "../../lib/cli/errors.ts";
import { counted } from "../../lib/cli/numbers.ts";
import { plain, styleFor } from "../../lib/cli/style.ts";
import type { Json, JsonObject } from "../../lib/core/types.ts";
import { DEFAULT_VOCABULARY } from "../../lib/core/vocabulary.ts";
import { instantOf } from "../../lib/enrich/clock-skew.ts";
import { enrich, openTables } from "../../lib/enrich/enrich.ts";
import { textOf } from "../../lib/enrich/json.ts";
import { type Line, openLines, splitLines } from "../../lib/import/lines.ts";
import { ndjsonRows } from "../../lib/import/rows.ts";
import { columnsOf } from "../../lib/import/values.ts";
import { optionsOf } from "./context.ts";
import { note } from "./output.ts";

export const DOOR_OPTIONS = ["placesFile", "networksFile", "keepIp"] as const;

interface EnrichFlags {
  readonly ipField?: string;
  readonly userAgentField?: string;
  readonly trustedSources: string;
  readonly live?: boolean;
}

export function addEnrich(program: Command): void {
  addFlags(program.command("enrich"), DOOR_OPTIONS)
    .description("write place, network, device and channel into messages: NDJSON in, NDJSON out")
    .argument("[file]", "NDJSON, .gz too (default: what comes in)")
    .option("--ip-field <path>", "where the person's address stands (default: context.ip); it is taken out")
    .option("--user-agent-field <path>", "where the person's user agent stands (default: context.userAgent)")
    .option(
      "--trusted-sources <names>",
      "channels whose messages may say their place, network and device themselves, as in the vocabulary",
      DEFAULT_VOCABULARY.trustedSources.join(","),
    )
    .option("--live", "messages are being received right now: correct wrong clocks of senders by this machine's")
    .addHelpText(
      "after",
      [
        "\nFor those who publish to NATS directly; `rollcall import` does the same by itself. Send each message through once.",
        "Without --live a sender's clock is corrected where the message says when it was received (`receivedAt`).",
        "A line that is no message is told on stderr and left out; the exit code is then 1.",
      ].join("\n"),
    )
    .action((file: string | undefined, flags: EnrichFlags, command: Command) => enrichAll(file, flags, command));
}

async function enrichAll(file: string | undefined, flags: EnrichFlags, command: Command): Promise<void> {
  const write = writerOf(flags, command);
  const { yellow } = styleFor(process.stderr);
  let refused = 0;
  for await (const rows of ndjsonRows(await linesOf(file))) {
    let text = "";
    for (const row of rows) {
      if (row.ok) text += `${JSON.stringify(write(row.cells as JsonObject))}\n`;
      else {
        refused += 1;
        note(`${yellow(`line ${row.line}`)}: ${plain(row.reason)}`);
      }
    }
    // Whoever reads slowly slows the reading here, so that nothing piles up between.
    if (text !== "" && !process.stdout.write(text)) await once(process.stdout, "drain");
  }
  if (refused > 0)
    throw new CliError(EXIT.failed, `${counted(refused, "line")} left out: each should be one JSON object.`);
}

function writerOf(flags: EnrichFlags, command: Command): (message: JsonObject) => JsonObject {
  const { config } = optionsOf(command);
  const tables = openTables(config);
  const { keepIp } = config;
  const trustedSources = flags.trustedSources.split(",").map((name) => name.trim());
  const ipPath = flags.ipField?.split(".");
  const [readIp, readUserAgent] = [flags.ipField, flags.userAgentField].map(fieldReader);
  return (message) => {
    const enriched = enrich(message, {
      tables,
      trustedSources,
      keepIp,
      receivedAt: flags.live === true ? Date.now() : instantOf(message.receivedAt),
      ip: readIp!(message),
      userAgent: readUserAgent!(message),
    });
    return ipPath === undefined || keepIp ? enriched : without(enriched, ipPath);
  };
}

function fieldReader(path: string | undefined): (message: JsonObject) => string | undefined {
  if (path === undefined) return () => undefined;
  const cell = columnsOf(undefined, path)(path);
  return (message) => textOf(cell(message));
}

/** The object without what stands at the end of a path. */
function without(object: JsonObject, [name, ...rest]: readonly string[]): JsonObject {
  if (name === undefined || !Object.hasOwn(object, name)) return object;
  const { [name]: value, ...others } = object;
  if (rest.length === 0) return others;
  const isInner = typeof value === "object" && value !== null && !Array.isArray(value);
  return isInner ? { ...object, [name]: without(value as JsonObject, rest) as Json } : object;
}

async function linesOf(file: string | undefined): Promise<AsyncIterable<readonly Line[]>> {
  if (file === undefined || file === "-") return splitLines(process.stdin);
  const found = await stat(file).catch(() => undefined);
  if (found?.isFile() !== true) throw new CliError(EXIT.usage, `${file}: there is no such file`);
  return (await openLines(file)).chunks;
}
