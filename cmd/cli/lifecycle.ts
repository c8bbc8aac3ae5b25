// rollcall segments progress | cancel | retry | history | rollback | enable | disable | publish | discard: the life of a
// definition between the first draft and the day it is switched off. What there is to know is lib/api's.
import type { Command } from "commander";
import { type Preparation, preparationsOf, type Share } from "../../lib/api/segments/preparations.ts";
import {
  cancelled,
  type Desk,
  discardDrafts,
  draftOf,
  keepDrafts as kept,
  retried,
  switched,
  versionOf,
} from "../../lib/api/segments/segment-changes.ts";
import type { SegmentVersion } from "../../lib/api/segments/versions.ts";
import { CliError, EXIT } from "../../lib/cli/errors.ts";
import { count, counted, duration, instant } from "../../lib/cli/numbers.ts";
import { describeRule } from "../../lib/cli/rule-text.ts";
import { plain, type Style } from "../../lib/cli/style.ts";
import { type Column, type Format, printRows } from "../../lib/cli/table.ts";
import { nearest } from "../../lib/core/rules/parse/problems.ts";
import type { Json, SegmentId } from "../../lib/core/types.ts";
import { type Loaded, readDefinitions } from "../../lib/definitions/load.ts";
import { applyAndWait, waitInForce } from "./applying.ts";
import { type Context, connected, unknownSegment } from "./context.ts";
import { note, print, printJson, withOutput } from "./output.ts";
import { wholeNumber } from "./people.ts";

interface Waiting {
  readonly wait: boolean;
}

export function addLifecycle(segments: Command): void {
  withOutput(segments.command("progress").description("what reads its history: how far, how fast, what is left"), [
    "table",
    "json",
  ])
    .argument("[id]", "only what brings this segment, partition by partition")
    .action((id: string | undefined, options: { output: Format }, command: Command) =>
      connected(command, (context) => progress(context, id, options.output)),
    );
  withOutput(segments.command("history").description("every version of a segment, and when it was in force"))
    .argument("<id>")
    .argument("[version]", "print this version's definition instead", wholeNumber)
    .action((id: string, version: number | undefined, options: { output: Format }, command: Command) =>
      connected(command, (context) => history(context, id, version, options.output)),
    );
  const changing = (name: string, about: string, argument: string): Command =>
    segments
      .command(name)
      .description(about)
      .argument(argument)
      .option("--no-wait", "do not wait until it is in force everywhere");
  changing("rollback", "apply an older version again, as a new one", "<id>")
    .argument("<version>", "one of `segments history`", wholeNumber)
    .action((id: string, version: number, { wait }: Waiting, command: Command) =>
      connected(command, (context) => rollBack(context, id, version, wait)),
    );
  changing("enable", "switch segments on again: who passes the rule joins", "<ids...>").action(
    (ids: string[], { wait }: Waiting, command: Command) =>
      connected(command, (context) => enable(context, ids, true, wait)),
  );
  changing("disable", "switch segments off: everybody leaves, the definitions stay", "<ids...>").action(
    (ids: string[], { wait }: Waiting, command: Command) =>
      connected(command, (context) => enable(context, ids, false, wait)),
  );
  changing("publish", "apply drafts", "<ids...>").action((ids: string[], { wait }: Waiting, command: Command) =>
    connected(command, (context) => publish(context, ids, wait)),
  );
  changing("retry", "begin anew what could not be completed", "<id>").action(
    (id: string, { wait }: Waiting, command: Command) => connected(command, (context) => retry(context, id, wait)),
  );
  segments
    .command("cancel")
    .description("give up a change that still reads its history; what is in force goes on")
    .argument("<id>")
    .action((id: string, _options: unknown, command: Command) => connected(command, (context) => cancel(context, id)));
  segments
    .command("discard")
    .description("throw drafts away")
    .argument("<ids...>")
    .action((ids: string[], _options: unknown, command: Command) =>
      connected(command, (context) => discard(context, ids)),
    );
}

// ── progress ────────────────────────────────────────────────────────────────────────────────────────────────────────

export async function preparationsNow(context: Context): Promise<readonly Preparation[]> {
  const { state } = await context.catalogue();
  return state.pending.size === 0 ? [] : preparationsOf(state, await context.questions.status());
}

/** "backfilling 43 %, 2m 5s left". */
export function preparationText({ done, total, leftMs, failed }: Preparation): string {
  if (failed !== null) return "failed";
  const share = total === 0 ? "" : ` ${Math.floor((done * 100) / total)} %`;
  return `backfilling${share}${leftMs === null || leftMs < 1_000 ? "" : `, ${duration(leftMs)} left`}`;
}

async function progress(context: Context, id: SegmentId | undefined, format: Format): Promise<void> {
  const all = await preparationsNow(context);
  const shown = id === undefined ? all : all.filter(({ segments }) => segments.includes(id));
  if (id !== undefined) await assertKnown(context, id);
  if (format === "json") return printJson(shown);
  if (shown.length === 0) return note(`Nothing reads its history${id === undefined ? "" : ` for ${id}`} now.`);
  const { style } = context;
  print(shown.map((one) => preparationLines(one, id !== undefined, style)).join("\n"));
}

function preparationLines(preparation: Preparation, inDetail: boolean, style: Style): string {
  const { revision, segments, removes, done, total, perSecond, failed, shares } = preparation;
  const what = [...segments, ...removes.map((id) => `${id} (removed)`)].map(plain).join(", ");
  const figures = [
    preparationText(preparation),
    `${count(done)} of ${counted(total, "message")}`,
    ...(perSecond > 0 ? [`${count(perSecond)}/s`] : []),
  ];
  const head = `${style.bold(what)}  ${style.dim(`revision ${revision}`)}\n${figures.join(style.dim(" · "))}`;
  const reason =
    failed === null
      ? ""
      : `\n${style.red(plain(failed))}\n${style.dim("`segments retry` begins anew, `segments cancel` gives it up")}`;
  const table = inDetail ? `\n\n${printRows(shares, SHARES, "table", style).trimEnd()}` : "";
  return `${head}${reason}${table}`;
}

const SHARES: readonly Column<Share>[] = [
  { title: "PARTITION", key: "partition", value: ({ partition }) => partition, align: "right" },
  { title: "STATE", key: "state", value: ({ state }) => state },
  { title: "DONE", key: "done", value: ({ done }) => done, show: ({ done }) => count(done), align: "right" },
  { title: "OF", key: "total", value: ({ total }) => total, show: ({ total }) => count(total), align: "right" },
  {
    title: "RATE",
    key: "perSecond",
    value: ({ perSecond }) => perSecond,
    show: ({ perSecond }) => (perSecond === 0 ? "–" : `${count(perSecond)}/s`),
    align: "right",
  },
  {
    title: "LEFT",
    key: "leftMs",
    value: ({ leftMs }) => leftMs,
    show: ({ leftMs }) => (leftMs === null ? "–" : duration(leftMs)),
    align: "right",
  },
];

async function cancel(context: Context, id: SegmentId): Promise<void> {
  const { revision } = (await preparing(context, id)).preparation;
  const given = await cancelled(await deskOf(context), revision);
  await context.audited({ what: "segments.cancel", target: id, detail: { revision } });
  note(`Given up: ${given.join(", ")} (revision ${revision}). What was in force before goes on.`);
}

async function retry(context: Context, id: SegmentId, wait: boolean): Promise<void> {
  const { preparation } = await preparing(context, id);
  const { revision, segments } = await retried(await deskOf(context), preparation.revision);
  if (revision !== undefined) await context.audited({ what: "segments.retry", target: id, detail: { revision } });
  note(`Begun anew as revision ${revision}: ${segments.join(", ")}.`);
  if (wait && revision !== undefined) await waitInForce(context, revision);
}

async function deskOf(context: Context): Promise<Desk> {
  return { control: context.control, catalogue: await context.catalogue(), limits: context.config.limits };
}

async function preparing(context: Context, id: SegmentId) {
  const catalogue = await context.catalogue();
  const preparation = (await preparationsNow(context)).find(
    ({ segments, removes }) => segments.includes(id) || removes.includes(id),
  );
  if (preparation !== undefined) return { catalogue, preparation };
  await assertKnown(context, id);
  throw new CliError(EXIT.usage, `Nothing waits for ${id}: \`segments progress\` lists what does.`);
}

async function assertKnown(context: Context, id: SegmentId): Promise<void> {
  const catalogue = await context.catalogue();
  if (catalogue.entry(id) !== undefined || catalogue.versions(id).length > 0) return;
  const ids = catalogue.segments().map((segment) => segment.id);
  throw unknownSegment(id, catalogue, nearest(id, ids));
}

// ── versions ────────────────────────────────────────────────────────────────────────────────────────────────────────

const VERSIONS: readonly Column<SegmentVersion>[] = [
  { title: "VERSION", key: "version", value: ({ version }) => version, align: "right" },
  { title: "STATE", key: "state", value: ({ state }) => state },
  {
    title: "APPLIED",
    key: "appliedAt",
    value: ({ appliedAt }) => new Date(appliedAt).toISOString(),
    show: ({ appliedAt }) => instant(appliedAt),
  },
  {
    title: "IN FORCE FROM",
    key: "inForceFrom",
    value: ({ inForceFrom }) => timeOf(inForceFrom),
    show: ({ inForceFrom }) => (inForceFrom === null ? "–" : instant(inForceFrom)),
  },
  {
    title: "UNTIL",
    key: "inForceUntil",
    value: ({ inForceUntil }) => timeOf(inForceUntil),
    show: ({ inForceUntil }) => (inForceUntil === null ? "–" : instant(inForceUntil)),
  },
];

function timeOf(at: number | null): Json {
  return at === null ? null : new Date(at).toISOString();
}

async function history(context: Context, id: SegmentId, version: number | undefined, output: Format): Promise<void> {
  await assertKnown(context, id);
  const catalogue = await context.catalogue();
  if (version !== undefined) {
    const { source } = versionOf(catalogue, id, version);
    return output === "json" ? printJson(source) : print(describeRule(source));
  }
  print(printRows(catalogue.versions(id), VERSIONS, output, context.style));
}

async function rollBack(context: Context, id: SegmentId, version: number, wait: boolean): Promise<void> {
  await assertKnown(context, id);
  const { source } = versionOf(await context.catalogue(), id, version);
  await applySources(context, [source], wait);
}

async function enable(context: Context, ids: readonly SegmentId[], enabled: boolean, wait: boolean): Promise<void> {
  const catalogue = await context.catalogue();
  const changes: ReturnType<typeof switched>[] = [];
  for (const id of ids) {
    await assertKnown(context, id);
    const entry = catalogue.entry(id);
    if (entry === undefined || entry.state === "draft") {
      throw new CliError(
        EXIT.usage,
        `${id} is not in force: \`segments publish\` applies a draft, \`segments rollback\` an older version.`,
      );
    }
    changes.push(switched({ catalogue }, id, enabled));
  }
  const assertStill = (): void => {
    for (const change of changes) change.assertStill();
  };
  const sources = changes.map(({ definition }) => definition);
  await applySources(context, sources, wait, assertStill);
}

async function applySources(
  context: Context,
  sources: readonly Json[],
  wait: boolean,
  assertStill: () => void = () => {},
): Promise<void> {
  const { limits } = context.config;
  const loaded = readDefinitions(JSON.stringify(sources), "", limits);
  await applyAndWait(context, { loaded, remove: [], limits, assertStill }, wait);
}

// ── drafts ──────────────────────────────────────────────────────────────────────────────────────────────────────────

export async function keepDrafts(context: Context, { definitions }: Pick<Loaded, "definitions">): Promise<void> {
  const define = definitions.map(({ source }) => source);
  const revision = await kept(await deskOf(context), define);
  const segments = definitions.flatMap(({ definition }) => (definition === undefined ? [] : [definition.id]));
  await context.audited({ what: "segments.draft", detail: { revision: revision ?? null, segments } });
  note(
    `${counted(define.length, "draft")} kept. \`segments try FILE\` tells what they would do, \`segments publish\` applies them.`,
  );
}

async function publish(context: Context, ids: readonly SegmentId[], wait: boolean): Promise<void> {
  const catalogue = await context.catalogue();
  await applySources(
    context,
    ids.map((id) => draftOf(catalogue, id)),
    wait,
  );
}

async function discard(context: Context, ids: readonly SegmentId[]): Promise<void> {
  const revision = await discardDrafts(await deskOf(context), ids);
  await context.audited({ what: "segments.discard", detail: { revision: revision ?? null, segments: ids } });
  note(`${counted(ids.length, "draft")} thrown away.`);
}
