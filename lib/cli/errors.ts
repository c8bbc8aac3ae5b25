// How a command ends when it does not end well: a sentence with a remedy on stderr, and an exit code that scripts can read.
// Thrown anywhere in cmd/cli, shown by cmd/rollcall.ts.
import { PermissionViolationError } from "@nats-io/transport-node";

export const EXIT = {
  ok: 0,
  /** The command ran and the answer is no: a difference, a failed check, an import that had to stop. */
  failed: 1,
  /** What was asked for is wrong: options, a file, a definition, an unknown name. */
  usage: 2,
  /** No server, no worker, no permission, or no answer in time. */
  unreachable: 3,
} as const;

export const EXIT_HELP = `
Exit codes:
  0  done
  1  it ran, and the answer is no: a difference, a failed check, an import that had to stop
  2  what was asked is wrong: an option, a file, a definition, a name that is not known
  3  no server, no worker, no permission, or no answer in time
`;

export class CliError extends Error {
  readonly exitCode: number;

  constructor(exitCode: number, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "CliError";
    this.exitCode = exitCode;
  }
}

/** Errors whose message is all that a person needs; anything else is a fault of ours and shows its stack. */
const KNOWN: Readonly<Record<string, number>> = {
  CliError: EXIT.usage,
  ServerUnreachable: EXIT.unreachable,
  ServerTooOld: EXIT.unreachable,
  QuestionFailed: EXIT.unreachable,
  ProvisionMismatch: EXIT.usage,
  MappingMissing: EXIT.usage,
  MappingError: EXIT.usage,
  EntryTooLarge: EXIT.usage,
  NotPossible: EXIT.usage,
  ImportStopped: EXIT.failed,
  NotPlayable: EXIT.failed,
  ConfigError: EXIT.usage,
  PlacesFileUnusable: EXIT.usage,
  PortTaken: EXIT.usage,
  OpenDoor: EXIT.usage,
  KeysMissing: EXIT.unreachable,
  NotAudited: EXIT.failed,
  DataDirInUse: EXIT.usage,
  NatsServerMissing: EXIT.unreachable,
  UnusableServer: EXIT.usage,
  ServerNotStarted: EXIT.unreachable,
};

export interface Ending {
  readonly exitCode: number;
  readonly text: string;
}

export function endingOf(error: unknown): Ending {
  if (error instanceof CliError) return { exitCode: error.exitCode, text: error.message };
  if (!(error instanceof Error)) return { exitCode: EXIT.failed, text: String(error) };
  const denied = denialIn(error);
  if (denied !== undefined) return { exitCode: EXIT.unreachable, text: denied };
  const exitCode = KNOWN[error.name];
  if (exitCode !== undefined) return { exitCode, text: error.message };
  return { exitCode: EXIT.failed, text: error.stack ?? error.message };
}

/** A permission that the server refuses comes wrapped in whatever asked for it. */
function denialIn(error: unknown): string | undefined {
  for (let inner = error; inner instanceof Error; inner = inner.cause) {
    if (!(inner instanceof PermissionViolationError)) continue;
    const what = inner.operation === "subscription" ? "hear" : "publish";
    return (
      `The server does not let this user ${what} ${inner.subject}. The command line needs the permissions of the role ` +
      "`operator`; `rollcall nats-config --users` prints those of each role, and NATS_USER or NATS_CREDS say who we are."
    );
  }
  return undefined;
}
