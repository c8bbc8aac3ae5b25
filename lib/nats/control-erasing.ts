// Erasing from the control log: what stands in for an entry is in the stream ERASED, as for messages of a log; the entry itself is
// overwritten. Answers lib/ports/erasing.ts; control-log.ts asks it for what is missing.
import type { NatsConnection } from "@nats-io/transport-node";
import type { ControlEntry } from "../core/control.ts";
import type { Seq } from "../core/types.ts";
import {
  type ControlEraser,
  controlEntryName,
  doneName,
  type HeldEntry,
  heldIn,
  heldText,
  OF_CONTROL_LOG,
} from "../ports/erasing.ts";
import type { Published } from "../ports/publishing.ts";
import { ledgerSubjects, noLedger, putInLedger } from "./ledger-stream.ts";
import type { Names } from "./names.ts";
import { eraseMessage, storedMessage, subjectCountsOf } from "./wire.ts";

/** What stands in for an entry; undefined where nothing does. */
export async function controlStandIn(
  nc: NatsConnection,
  names: Names,
  revision: number,
): Promise<HeldEntry | undefined> {
  const subject = names.erasedSubject(OF_CONTROL_LOG, controlEntryName(revision));
  const stored = await storedMessage(nc, names.erasedStream, { last_by_subj: subject }).catch(noLedger);
  return stored === undefined ? undefined : heldIn(stored.data, stored.seq);
}

/** The revisions of erasures after which no entry names the member. */
export async function outOfControlLog(nc: NatsConnection, names: Names): Promise<ReadonlySet<number>> {
  return revisionsIn(nc, names, doneName(">"));
}

/** The revisions of entries for which something stands in. */
export async function revisionsReplaced(nc: NatsConnection, names: Names): Promise<ReadonlySet<number>> {
  return revisionsIn(nc, names, controlEntryName(">"));
}

async function revisionsIn(nc: NatsConnection, names: Names, name: string): Promise<ReadonlySet<number>> {
  const subjects = await ledgerSubjects(nc, names, names.erasedSubject(OF_CONTROL_LOG, name));
  return new Set(subjects.map((subject) => Number(subject.slice(subject.lastIndexOf(".") + 1))));
}

export class NatsControlEraser implements ControlEraser {
  private readonly nc: NatsConnection;
  private readonly names: Names;

  constructor(nc: NatsConnection, names: Names) {
    this.nc = nc;
    this.names = names;
  }

  done(): Promise<ReadonlySet<number>> {
    return outOfControlLog(this.nc, this.names);
  }

  async read(revision: number): Promise<HeldEntry> {
    const standIn = await controlStandIn(this.nc, this.names, revision);
    if (standIn !== undefined) return standIn;
    const stored = await storedMessage(this.nc, this.names.definitionsStream, { seq: revision });
    if (stored === undefined) throw new Error(`${this.names.definitionsStream}: entry ${revision} has gone meanwhile`);
    const entry = JSON.parse(Buffer.from(stored.data).toString()) as ControlEntry;
    return { entry, stamp: stored.stampMs, at: 0 };
  }

  replace(revision: number, held: HeldEntry): Promise<Published> {
    return this.put(controlEntryName(revision), heldText(held), held.at);
  }

  erase(revision: number): Promise<void> {
    return eraseMessage(this.nc, this.names.definitionsStream, revision);
  }

  async eraseReplaced(): Promise<void> {
    const { erasedStream } = this.names;
    const filter = this.names.erasedSubject(OF_CONTROL_LOG, controlEntryName(">"));
    for (const [subject, count] of await subjectCountsOf(this.nc, erasedStream, filter)) {
      const newest = count === 1 ? undefined : await storedMessage(this.nc, erasedStream, { last_by_subj: subject });
      let next = 1;
      while (next < (newest?.seq ?? 0)) {
        const stored = (await storedMessage(this.nc, erasedStream, { seq: next, next_by_subj: subject }))!;
        if (stored.seq < newest!.seq) await eraseMessage(this.nc, erasedStream, stored.seq);
        next = stored.seq + 1;
      }
    }
  }

  markDone(revision: number): Promise<Published> {
    return this.put(doneName(revision), "{}", 0);
  }

  private put(name: string, body: string, expected: Seq): Promise<Published> {
    return putInLedger(this.nc, this.names.erasedSubject(OF_CONTROL_LOG, name), body, expected);
  }
}
