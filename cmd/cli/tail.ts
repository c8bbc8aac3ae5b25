// rollcall tail: people and accounts joining and leaving, as it happens. A plain subscription to what the stream republishes.
import type { Command } from "commander";
import { timeOfDay } from "../../lib/cli/numbers.ts";
import { plain, type Style } from "../../lib/cli/style.ts";
import { decodeDelta } from "../../lib/core/deltas.ts";
import { nearest } from "../../lib/core/rules/parse/problems.ts";
import type { Delta } from "../../lib/core/types.ts";
import { type Context, connected, unknownSegment } from "./context.ts";
import { note, print } from "./output.ts";

export function addTail(program: Command): void {
  program
    .command("tail")
    .description("watch people and accounts join and leave; ends with Ctrl-C")
    .argument("[segments...]", "only these")
    .option("--json", "one delta a line, as it was said")
    .action((segments: string[], options: { json?: boolean }, command: Command) =>
      connected(command, (context) => tail(context, segments, options.json === true)),
    );
}

async function tail(context: Context, segments: readonly string[], json: boolean): Promise<void> {
  const { nc, names, style } = context;
  const catalogue = await context.catalogue();
  const known = catalogue.segments().map(({ id }) => id);
  for (const id of segments) if (!known.includes(id)) throw unknownSegment(id, catalogue, nearest(id, known));
  const show = (text: string): void => print(json ? text : deltaLine(decodeDelta(text), style));
  for (const id of segments.length === 0 ? ["*"] : segments) {
    nc.subscribe(names.segmentSubject(id, "*"), {
      callback: (error, message) => {
        if (error === null) show(message.string());
      },
    });
  }
  if (process.stderr.isTTY)
    note(style.dim(`watching ${segments.length === 0 ? "every segment" : segments.join(", ")}; Ctrl-C ends`));
  await new Promise<void>((resolve) => {
    process.once("SIGINT", resolve).once("SIGTERM", resolve);
  });
}

const CAUSES: Readonly<Record<Delta["cause"]["type"], string>> = {
  event: "",
  time: "by silence",
  definition: "by its definition",
  list: "by a list",
  feed: "by a feed",
  erasure: "erased",
};

export function deltaLine(delta: Delta, style: Style): string {
  const { change, cause, kind } = delta;
  const sign = change === "joined" ? style.green("+ joined") : style.red("- left  ");
  const why = [kind === "account" ? "account" : "", CAUSES[cause.type], cause.late === true ? "late event" : ""]
    .filter((text) => text !== "")
    .join(", ");
  return `${style.dim(timeOfDay(delta.at))}  ${sign}  ${delta.segment.padEnd(20)}  ${style.bold(plain(delta.id))}${why === "" ? "" : style.dim(`  ${why}`)}`;
}
