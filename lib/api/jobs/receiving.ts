// A file that arrives over HTTP: read as it comes, never whole in memory, and taken for broken off when nothing comes for long.
// Its rows go where `rollcall import` puts those of a file (importing.ts); how far it is stands in the list of jobs.
import { accountsMapping } from "../../import/account-rows.ts";
import { beginning, joined, linesOf } from "../../import/lines.ts";
import { type Mapping, parseMapping } from "../../import/mapping.ts";
import { type FileFormat, MARK_BYTES, markOfBeginning } from "../../import/run.ts";
import { CELL_TYPES, type CellType } from "../../import/values.ts";
import type { JobRecord } from "../../ports/jobs.ts";
import { ended, NotPossible } from "../segments/not-possible.ts";
import { type ImportDesk, type Imported, importInto, importTold, importWish } from "./importing.ts";
import { JobEnded, type JobRunner, type RunningJob } from "./runner.ts";

/** Refused rows that an answer names. */
const REFUSALS_MAX = 20;

export interface MappingAsk {
  /** Name of the file, as jobs show it. */
  readonly file: string;
  readonly format: FileFormat;
  readonly mapping?: string;
  readonly accounts?: boolean;
  readonly id?: string;
  readonly type?: string;
}

export interface UploadAsk extends MappingAsk {
  readonly resume: boolean;
  /** As the request says; null: it does not. */
  readonly bytesTotal: number | null;
  readonly by: string;
}

export interface Refused {
  readonly line: number;
  readonly reason: string;
}

export interface Received {
  readonly job: JobRecord;
  readonly refusals: readonly Refused[];
  readonly warnings: readonly string[];
}

export interface Upload extends ImportDesk {
  readonly runner: JobRunner;
}

const REPEATED =
  "This file has been imported before, at least in part, and every row counts again; `resume` leaves out what is in.";

/** Throws NotPossible when not all of it could be taken. `onStored` is told how many rows are in, whatever comes of the rest. */
export async function received(
  upload: Upload,
  ask: UploadAsk,
  arriving: (signal: AbortSignal) => AsyncGenerator<Buffer>,
  onStored: (stored: number, job: string) => Promise<void>,
): Promise<Received> {
  const mapping = mappingOf(ask);
  const { file, by, bytesTotal } = ask;
  const job = await upload.runner.begin({ ...importWish(file, bytesTotal), by });
  const refusals: Refused[] = [];
  const warnings: string[] = [];
  const { record, why } = await job.run(async () => {
    const imported = await taken(
      upload,
      { ...ask, mapped: mapping },
      arriving(job.signal),
      { refusals, warnings },
      job,
    );
    const { stored, rejected, skipped, clocks } = imported;
    if (stored + skipped === 0) throw nothingStored(rejected, refusals);
    if (clocks !== null) warnings.push(clocks);
    return importTold(imported);
  });
  const stored = record.import?.stored ?? 0;
  if (stored > 0) await onStored(stored, record.id);
  if (why !== undefined) throw refusalOf(why, record.id, stored);
  return { job: record, refusals, warnings };
}

async function taken(
  upload: Upload,
  ask: UploadAsk & { readonly mapped: Mapping | undefined },
  bytes: AsyncGenerator<Buffer>,
  told: { readonly refusals: Refused[]; readonly warnings: string[] },
  job: RunningJob,
): Promise<Imported> {
  const head = await beginning(bytes, MARK_BYTES);
  const { file, format, mapped, resume, bytesTotal } = ask;
  return importInto(
    upload,
    {
      source: linesOf(joined(head, bytes), bytesTotal),
      name: file,
      format,
      mapping: mapped,
      mark: markOfBeginning(bytesTotal ?? (head.length < MARK_BYTES ? head.length : null), head),
      resume,
      onRepeat: () => told.warnings.push(REPEATED),
      onReject: ({ line, reason }) => {
        if (told.refusals.length < REFUSALS_MAX) told.refusals.push({ line, reason });
      },
    },
    job,
  );
}

// ── the mapping ─────────────────────────────────────────────────────────────────────────────────────────────────────

/** Refused before a byte of the file is read. */
function mappingOf({ file, format, mapping, accounts = false, id, type }: MappingAsk): Mapping | undefined {
  const types = typesOf(type);
  if (!accounts && (id !== undefined || types.size > 0)) {
    throw bad("query.id and query.type say what the columns of accounts are; add accounts=true");
  }
  if (mapping === undefined) {
    if (accounts) return accountsMapping(`.${format}`, { id: id ?? "id", types });
    if (format === "ndjson") return undefined;
    throw bad(
      `Nothing says what the columns of ${file} mean: send a mapping, or accounts=true where its rows are accounts`,
    );
  }
  if (id !== undefined || types.size > 0) throw bad("A mapping says which columns there are; leave out id and type");
  const found = parsed(mapping);
  if (found.format !== undefined && found.format !== format) {
    throw bad(`The mapping is for ${found.format}, and the body is ${format}`);
  }
  if (accounts === (found.about === "accounts")) return found;
  throw bad(
    accounts
      ? "The mapping is for rows of users; leave out accounts"
      : "The mapping is for rows of accounts; add accounts=true",
  );
}

function parsed(text: string): Mapping {
  try {
    return parseMapping(text, "query.mapping");
  } catch (error) {
    throw bad((error as Error).message);
  }
}

/** `seats=number,since=date`, as the command line takes them one by one. */
function typesOf(text: string | undefined): ReadonlyMap<string, CellType> {
  const types = new Map<string, CellType>();
  for (const word of (text ?? "").split(",").filter((one) => one.trim() !== "")) {
    const at = word.lastIndexOf("=");
    const type = CELL_TYPES.find((one) => one === word.slice(at + 1).trim());
    if (at < 1 || type === undefined)
      throw bad(`query.type: write column=type, the type one of ${CELL_TYPES.join(", ")}`);
    types.set(word.slice(0, at).trim(), type);
  }
  return types;
}

// ── refusals ────────────────────────────────────────────────────────────────────────────────────────────────────────

function bad(message: string): NotPossible {
  return new NotPossible("bad", "bad-import", ended(message, ""));
}

function nothingStored(refused: number, refusals: readonly Refused[]): NotPossible {
  const problems = refusals.map(({ line, reason }) => ({ path: `line ${line}`, message: reason }));
  const first = problems[0];
  if (first === undefined) return new NotPossible("bad", "bad-import", "There is no row in the body.");
  const more = refused > 1 ? ` (and ${refused - 1} more)` : "";
  const message = `Nothing was stored: ${first.path}: ${ended(first.message, more)}`;
  return new NotPossible("bad", "bad-import", message, problems);
}

/** What is stored is in the logs for good; the same again with `resume` goes on behind it. */
function refusalOf(why: Error, id: string, stored: number): Error {
  const rest = `${stored} rows are stored; the same request with resume=true goes on where it stopped. See GET /v1/jobs/${id}.`;
  if (why instanceof NotPossible) return why;
  if (why instanceof JobEnded) {
    const [kind, code] =
      why.state === "cancelled" ? (["conflict", "job-cancelled"] as const) : (["busy", "not-ended"] as const);
    return new NotPossible(kind, code, `${why.message} ${rest}`);
  }
  if (why.name === "ImportStopped")
    return new NotPossible("busy", "import-stopped", `${ended(why.message, "")} ${rest}`);
  if (why.name === "MappingError" || why.name === "HeaderUnreadable") return bad(why.message);
  return why;
}
