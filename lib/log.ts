// The program's own log: JSON lines, with personal data left out unless it is asked for.
// Made once by each process under cmd/ and handed down.
import { type DestinationStream, type Logger, pino } from "pino";

export type { Logger };

export interface LogOptions {
  readonly level: string;
  /** Member ids and traits in the clear. */
  readonly personalData: boolean;
  /** Fields of every line: role, instance. */
  readonly fields?: Readonly<Record<string, unknown>>;
  /** Default stderr, so that stdout keeps to what a command answers. */
  readonly to?: DestinationStream;
}

/** Fields that say who somebody is or what is known of them, wherever in a line they stand (two levels deep). */
const PERSONAL = [
  "id",
  "userId",
  "anonymousId",
  "member",
  "memberId",
  "members",
  "traits",
  "properties",
  "context",
  "body",
  "email",
];
/** Never logged, whatever the settings. */
const SECRET = ["password", "pass", "token", "creds", "nkey", "seed", "authorization", "cookie"];

export function createLog({ level, personalData, fields = {}, to }: LogOptions): Logger {
  const hidden = [...SECRET, ...(personalData ? [] : PERSONAL)];
  const paths = hidden.flatMap((field) => [field, `*.${field}`, `*.*.${field}`]);
  return pino(
    {
      level,
      base: { pid: process.pid, ...fields },
      redact: { paths, censor: "[hidden]" },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    to ?? pino.destination({ fd: 2, sync: true }),
  );
}
