// Writes down who changed what. Used by every route and command that changes something, once the change is made.
import type { JsonObject } from "../../core/types.ts";
import type { AuditEntry, AuditLog } from "../../ports/audit.ts";

export interface Change {
  /** `area.verb`. */
  readonly what: `${string}.${string}`;
  /** The id of what was changed; left out where the whole was. */
  readonly target?: string;
  /** Without personal data. */
  readonly detail?: JsonObject;
}

const ATTEMPTS_MAX = 3;

/** The change stands, its record does not: who asked must know both. */
export class NotAudited extends Error {
  override readonly name = "NotAudited";
}

/**
 * Does a change that is written in several steps. Where it ends early, what was written by then is told all the same, as not
 * complete. `made`: undefined where nothing was.
 */
export async function auditedInSteps<T>(
  tell: (change: Change) => Promise<void>,
  made: () => Change | undefined,
  work: () => Promise<T>,
): Promise<T> {
  let isComplete = false;
  try {
    const done = await work();
    isComplete = true;
    return done;
  } finally {
    const change = made();
    if (change !== undefined) {
      await tell(isComplete ? change : { ...change, detail: { ...change.detail, complete: false } });
    }
  }
}

export async function audited(log: AuditLog, who: string, { what, target = "", detail = {} }: Change): Promise<void> {
  const entry: AuditEntry = { at: new Date().toISOString(), who, what, target, detail };
  let reason = "";
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) {
    const ended = await log.write(entry);
    if (ended.kind === "stored") return;
    reason = ended.kind === "fenced" ? "it was refused" : ended.reason;
  }
  throw new NotAudited(
    `The change was made (${what}${target === "" ? "" : ` ${target}`}), but the stream AUDIT did not take its record: ${reason}. ` +
      "A worker of this version makes that stream at its start (ROLLCALL_PROVISION).",
  );
}
