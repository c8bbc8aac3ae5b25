// The bounds of jobs and exports, as config/options.ts gives them; the defaults are those of the options.
const DAY_MS = 86_400_000;

export interface JobSettings {
  /** What is written down of a job is kept so long after its last word. */
  readonly keptMs: number;
  /** Of those that have ended, the newest so many. */
  readonly keptMax: number;
  /** What an export has made is kept so long. */
  readonly exportsKeptMs: number;
  readonly exportBytesMax: number;
  /** Of this process; others wait for their turn. */
  readonly exportsAtOnceMax: number;
  /** A job that goes on says so often how far it is, and hears so often whether somebody wishes it to end. */
  readonly sayEveryMs: number;
}

export const JOB_SETTINGS_DEFAULT: JobSettings = {
  keptMs: 30 * DAY_MS,
  keptMax: 500,
  exportsKeptMs: DAY_MS,
  exportBytesMax: 1024 * 1024 * 1024,
  exportsAtOnceMax: 2,
  sayEveryMs: 1_000,
};
