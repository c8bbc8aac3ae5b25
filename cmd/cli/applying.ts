// Applying as the command line does it: what differs is printed, then the wait until it is in force, with its progress.
// Used by `segments` and all that changes definitions; the checks and the writing are lib/api/segments/apply.ts.

import { auditedInSteps, type Change } from "../../lib/api/security/auditing.ts";
import {
  type ActivationProgress,
  type Applied,
  type ApplyPlan,
  ApplyRefused,
  type ApplyRequest,
  ApplyWritten,
  apply,
  waitUntilActive,
} from "../../lib/api/segments/apply.ts";
import { CliError, EXIT } from "../../lib/cli/errors.ts";
import { count, counted, instant } from "../../lib/cli/numbers.ts";
import { progressBar } from "../../lib/cli/progress.ts";
import { seenNames } from "../../lib/cli/seen-names.ts";
import { plain, styleFor } from "../../lib/cli/style.ts";
import type { Cost } from "../../lib/core/rules/checks/cost.ts";
import { namesWritten, type SeenNames, warningsOfUnseen } from "../../lib/core/rules/checks/seen.ts";
import type { Json } from "../../lib/core/types.ts";
import type { LoadedDefinition, PlacedProblem } from "../../lib/definitions/load.ts";
import { storedMessage, streamState } from "../../lib/nats/wire.ts";
import type { Context } from "./context.ts";
import { note, print } from "./output.ts";

const POLL_MS = 100;

export async function applyAndWait(context: Context, request: ApplyRequest, wait: boolean): Promise<void> {
  const written = new ApplyWritten();
  const hasHistory = await isAnybodyKnown(context);
  const applied = await auditedInSteps(
    (change) => context.audited(change),
    () => changeOf(written),
    () => applyOrRefuse(context, { ...request, hasHistory }, written),
  );
  await tellWarningsOf(context, applied.plan, request);
  print(difference(applied.plan, false));
  if ([...applied.plan.costs.values()].some(({ class: name }) => name === "history")) await tellTrimmed(context);
  if (wait) await waitForAll(context, applied.revisions);
}

function changeOf({ isNothing, segments, detail }: ApplyWritten): Change | undefined {
  if (isNothing) return undefined;
  return { what: "segments.apply", target: segments.length === 1 ? segments[0]! : "", detail };
}

/** One after the other: what a later step asks across account and users, an earlier one brings into force. */
async function waitForAll(context: Context, revisions: readonly number[]): Promise<void> {
  for (const [index, revision] of revisions.entries()) {
    if (revisions.length > 1) note(styleFor(process.stderr).dim(`step ${index + 1} of ${revisions.length}`));
    await waitInForce(context, revision);
  }
}

/** A rule of all time sees no further back than the logs reach. */
async function tellTrimmed({ nc, names, partitions }: Context): Promise<void> {
  const streams = Array.from({ length: partitions }, (_, partition) => names.eventsStream(partition));
  const states = await Promise.all(streams.map((stream) => streamState(nc, stream)));
  const trimmed = streams.filter((_, index) => states[index]!.first > 1 && states[index]!.first <= states[index]!.last);
  const firsts = await Promise.all(
    trimmed.map((stream) => storedMessage(nc, stream, { seq: states[streams.indexOf(stream)]!.first })),
  );
  const newest = Math.max(...firsts.map((message) => message?.stampMs ?? 0));
  if (trimmed.length === 0) return;
  const style = styleFor(process.stderr);
  note(style.yellow(`the logs were trimmed: of some people nothing before ${instant(newest)} is known, nor counted`));
}

/** What only a look at the data set finds: names unknown to the vocabulary, names that nobody sends. */
export async function tellWarningsOf(context: Context, plan: ApplyPlan, { loaded }: ApplyRequest): Promise<void> {
  tellWarnings(plan.warnings);
  const ids = new Set([...plan.created, ...plan.changed]);
  const fresh = loaded.definitions.filter(({ definition }) => definition !== undefined && ids.has(definition.id));
  if (fresh.some(({ definition }) => namesWritten(definition!).length > 0)) {
    tellWarnings(unseenIn(fresh, await seenAnywhere(context)));
  }
}

function unseenIn(definitions: readonly LoadedDefinition[], seen: SeenNames | undefined): PlacedProblem[] {
  if (seen === undefined) return [];
  return definitions.flatMap(({ definition, placeOf }) =>
    warningsOfUnseen(definition!, seen).map(({ path, message, hint }) => ({
      ...placeOf(path),
      message: `${path}: ${message}`,
      ...(hint === undefined ? {} : { hint }),
    })),
  );
}

async function seenAnywhere(context: Context): Promise<SeenNames | undefined> {
  try {
    const { nc, names, partitions, config } = context;
    return await seenNames({ nc, names, partitions, limits: config.limits });
  } catch (error) {
    note(styleFor(process.stderr).dim(`names were not compared with what is sent: ${(error as Error).message}`));
    return undefined;
  }
}

/** Taken for granted while not every partition answers. */
export async function isAnybodyKnown(context: Context): Promise<boolean> {
  try {
    return (await context.questions.sizes()).universe > 0;
  } catch {
    return true;
  }
}

/** Shows how far it is until it is in force everywhere. */
export async function waitInForce(context: Context, revision: number): Promise<void> {
  const catalogue = await context.catalogue();
  const bar = progressBar("reading history");
  let last: ActivationProgress | undefined;
  try {
    await waitUntilActive({
      catalogue,
      status: () => context.questions.status(),
      revision,
      pollMs: POLL_MS,
      onProgress: (progress) => {
        last = progress;
        const note = progress.silent > 0 ? `${progress.silent} without a worker` : undefined;
        const { preparation } = progress;
        const state = {
          fraction: progress.fraction,
          done: preparation?.done ?? progress.inForce,
          unit: preparation === undefined ? `of ${progress.partitions} partitions` : "messages",
        };
        bar.update(note === undefined ? state : { ...state, note });
      },
    });
  } catch (error) {
    if (error instanceof ApplyRefused) throw new CliError(EXIT.usage, error.message);
    throw error;
  } finally {
    bar.end();
  }
  note(styleFor(process.stderr).green(`in force in all ${last?.partitions} partitions`));
}

async function applyOrRefuse(context: Context, request: ApplyRequest, written: ApplyWritten): Promise<Applied> {
  try {
    return await apply(context.control, await context.catalogue(), request, written);
  } catch (error) {
    if (error instanceof ApplyRefused && error.problems.length > 0) throw refused(error.problems, written.outcome);
    throw error;
  }
}

export function refused(problems: readonly PlacedProblem[], outcome = "nothing was applied"): CliError {
  const style = styleFor(process.stderr);
  const lines = problems.map((problem) => problemLine(problem, style.red("error")));
  return new CliError(EXIT.usage, `${lines.join("\n")}\n${counted(problems.length, "problem")}; ${outcome}.`);
}

export function tellWarnings(warnings: readonly PlacedProblem[]): void {
  const style = styleFor(process.stderr);
  for (const warning of warnings) note(problemLine(warning, style.yellow("warning")));
}

function problemLine({ file, line, column, message, hint }: PlacedProblem, kind: string): string {
  const place = file === "" ? "" : line === 0 ? `${file}: ` : `${file}:${line}:${column}: `;
  return `${place}${kind}: ${plain(message)}${hint === undefined ? "" : ` (did you mean ${plain(hint)}?)`}`;
}

/** Why each costs what it does is told while these are few. */
const REASONS_MAX = 10;

export function difference(plan: ApplyPlan, dryRun: boolean): string {
  const style = styleFor(process.stdout);
  const lines = [
    ...plan.created.flatMap((id) => [`${style.green("+")} ${id}  ${style.dim("new")}`, ...costLines(plan, id)]),
    ...plan.changed.flatMap((id) => [`${style.yellow("~")} ${id}  ${style.dim("changed")}`, ...costLines(plan, id)]),
    ...plan.removed.map((id) => `${style.red("-")} ${id}  ${style.dim("removed")}`),
    ...plan.lists.map(
      ({ id, kind, members }) =>
        `${style.yellow("~")} list ${id}  ${style.dim(counted(members.length, kind === "account" ? "account" : "member"))}`,
    ),
  ];
  const counts = [
    `${count(plan.created.length)} new`,
    `${count(plan.changed.length)} changed`,
    ...(plan.removed.length > 0 ? [`${count(plan.removed.length)} removed`] : []),
    `${count(plan.unchanged.length)} unchanged`,
  ].join(", ");
  return [...lines, dryRun ? `${counts}; nothing was applied (--dry-run)` : counts, ...stepLines(plan)].join("\n");
}

const STEP_IDS_MAX = 5;

/** Where an apply is more than one entry, in which order it comes into force. */
function stepLines({ entries }: ApplyPlan): string[] {
  if (entries.length < 2) return [];
  const style = styleFor(process.stdout);
  const steps = entries.map(({ define, remove }, index) => {
    const ids = [
      ...define.map((source) => String((source as { id: Json }).id)),
      ...remove.map((id) => `${id} (removed)`),
    ];
    const more = ids.length > STEP_IDS_MAX ? ` and ${count(ids.length - STEP_IDS_MAX)} more` : "";
    return style.dim(`  ${index + 1}. ${ids.slice(0, STEP_IDS_MAX).join(", ")}${more}`);
  });
  return [`in ${entries.length} steps, as some ask for others across account and users:`, ...steps];
}

function costLines({ costs }: ApplyPlan, id: string): string[] {
  const cost = costs.get(id);
  return cost === undefined || costs.size > REASONS_MAX ? [] : [styleFor(process.stdout).dim(costText(cost))];
}

export function costText(cost: Cost): string {
  return `  ${cost.class}: ${cost.why}`;
}
