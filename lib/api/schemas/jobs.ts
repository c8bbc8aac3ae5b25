// Jobs: backfills, imports, exports, how far they are, what came of them. For lib/api/routes/jobs.ts and imports.ts.
import Type from "typebox";
import { EXPORT_FORMATS, JOB_STATES } from "../../ports/jobs.ts";
import { JOB_KINDS } from "../jobs/book.ts";
import {
  Count,
  Cursor,
  checkedByRoute,
  exact,
  idOf,
  limitOf,
  listOf,
  MaybeMoment,
  Moment,
  named,
  nullable,
  oneOf,
  pageOf,
} from "./common.ts";
import { MEMBERS_QUERY } from "./members.ts";

const JOBS_MAX = 1_000;
export const JOBS_DEFAULT = 100;
/** A mapping as text in the address, which a server takes up to 16 KB of. */
const MAPPING_LENGTH_MAX = 8_192;
const NAME_LENGTH_MAX = 256;

const JobKind = oneOf(JOB_KINDS, {
  description: "`backfill` is a change of segments that reads its history.",
});
const JobState = oneOf(JOB_STATES);
const Format = oneOf(EXPORT_FORMATS);

export const JobIdIn = idOf("export-0123456789ab", "The job's id.");
export const JobToCancelIn = idOf("export-0123456789ac", "The job's id.");

export const JobsQuery = exact({
  kind: Type.Optional(JobKind),
  state: Type.Optional(JobState),
  limit: limitOf(JOBS_MAX, JOBS_DEFAULT),
  cursor: Cursor,
});

const ExportOut = exact({
  format: Format,
  columns: listOf(Type.String(), { description: "Besides id, n and since." }),
  personal: Type.Boolean({ description: "Personal data stands in it in the clear; else it is masked." }),
  rows: Count,
  bytes: Count,
  sha256: nullable(Type.String(), { description: "Of the whole content, hexadecimal." }),
  expiresAt: nullable(Moment, { description: "Its content is kept until then." }),
  link: nullable(Type.String(), {
    description: "Where the content is. Null: not whole yet, kept elsewhere (`rollcall export`), or not any more.",
  }),
});

const ImportOut = exact({
  stored: Count,
  refused: Count,
  skipped: Type.Integer({ minimum: 0, description: "Rows that an earlier import of the same file had stored." }),
});

export const JobOut = named(
  "Job",
  exact({
    id: Type.String(),
    kind: JobKind,
    target: Type.String({ description: "The segment, the list, or the file." }),
    targetKind: oneOf(["segment", "list", "file"]),
    state: JobState,
    progress: exact({
      done: Count,
      total: nullable(Count, { description: "Null while nobody knows." }),
      unit: Type.String({ description: "What is counted: members, accounts, messages, bytes, ids." }),
    }),
    perSecond: Count,
    leftMs: nullable(Count, {
      description: "Milliseconds that it still takes, at this pace; null while nobody knows.",
    }),
    createdAt: MaybeMoment,
    startedAt: MaybeMoment,
    updatedAt: Moment,
    finishedAt: MaybeMoment,
    by: nullable(Type.String(), {
      description: "The id of a key, or as the log of changes says; null: of a backfill, the log of changes says who.",
    }),
    problem: nullable(Type.String(), { description: "What went wrong, or became of the content, and what helps." }),
    backfill: nullable(exact({ revision: Count, segments: listOf(Type.String()), removes: listOf(Type.String()) })),
    export: nullable(ExportOut),
    import: nullable(ImportOut),
  }),
);
export const JobsOut = pageOf(JobOut);

export const ExportIn = exact(
  {
    segment: Type.String({ minLength: 1, maxLength: 1_024 }),
    format: Format,
    columns: MEMBERS_QUERY.columns,
  },
  { examples: [{ segment: "cart-under-100", format: "csv", columns: "orders,lastSeen,trait:plan" }] },
);

export const ImportQuery = exact({
  file: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: NAME_LENGTH_MAX,
      examples: ["accounts.csv"],
      description: "The file's name, as jobs show it.",
    }),
  ),
  mapping: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: MAPPING_LENGTH_MAX,
      description:
        "The mapping of columns: the text of a mapping file, YAML or JSON. NDJSON without one is taken as Segment-spec messages.",
    }),
  ),
  accounts: Type.Optional(
    Type.Boolean({
      examples: [true],
      description: "The rows are accounts: one column is the id, the others are traits; no mapping is needed.",
    }),
  ),
  id: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: NAME_LENGTH_MAX,
      description: "With `accounts`: the column or key of the account's id; by default `id`.",
    }),
  ),
  type: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 2_048,
      description: "With `accounts`: columns that are no text, with commas between: `seats=number,since=date`.",
    }),
  ),
  resume: Type.Optional(
    Type.Boolean({ description: "Leave out what an import of the same file that was stopped has stored already." }),
  ),
});

/** It arrives as it comes, so it is no text that a schema could look at. */
const arriving = (text: string, description: string) => ({
  schema: checkedByRoute(Type.String({ description }), [text]),
});

export const ImportIn = {
  content: {
    "application/x-ndjson": arriving('{"id":"acme","plan":"trial"}\n', "A message, or a row, a line."),
    "text/csv": arriving("id,plan\nacme,trial\n", "A header that names the columns, and rows. UTF-8."),
  },
};

export const ImportedOut = exact({
  job: JobOut,
  refusals: listOf(exact({ line: Count, reason: Type.String() }), {
    description: "The first rows that were refused; `job.import.refused` says how many were.",
  }),
  warnings: listOf(Type.String()),
});
