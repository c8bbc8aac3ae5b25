// Erasing from the control log, in memory. Answers lib/ports/erasing.ts; world.ts asks it for what is missing.
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
import { putInLedger } from "./erasing.ts";
import type { MemoryServer } from "./server.ts";

const subjectOf = (name: string): string => `${OF_CONTROL_LOG}.${name}`;

/** What stands in for an entry; undefined where nothing does. */
export function controlStandIn(server: MemoryServer, revision: number): HeldEntry | undefined {
  const stored = server.stream("ERASED").newest(subjectOf(controlEntryName(revision)));
  return stored === undefined ? undefined : heldIn(stored.body, stored.seq);
}

/** The revisions of erasures after which no entry names the member. */
export function outOfControlLog(server: MemoryServer): ReadonlySet<number> {
  const prefix = subjectOf("done.");
  return new Set(
    server
      .stream("ERASED")
      .subjects(prefix)
      .map((subject) => Number(subject.slice(prefix.length))),
  );
}

export class MemoryControlEraser implements ControlEraser {
  private readonly server: MemoryServer;
  private readonly client: string;

  constructor(server: MemoryServer, client: string) {
    this.server = server;
    this.client = client;
  }

  done(): Promise<ReadonlySet<number>> {
    return this.server.call(this.client, "readLedger", () => outOfControlLog(this.server));
  }

  read(revision: number): Promise<HeldEntry> {
    return this.server.call(this.client, "readLedger", () => {
      const standIn = controlStandIn(this.server, revision);
      if (standIn !== undefined) return standIn;
      const stored = this.server.stream("DEFINITIONS").at(revision);
      if (stored === undefined) throw new Error(`DEFINITIONS: entry ${revision} has gone meanwhile`);
      return { entry: JSON.parse(Buffer.from(stored.body).toString()) as ControlEntry, stamp: stored.stamp, at: 0 };
    });
  }

  replace(revision: number, held: HeldEntry): Promise<Published> {
    return this.put(controlEntryName(revision), heldText(held), held.at);
  }

  erase(revision: number): Promise<void> {
    return this.server.call(this.client, "erase", () => this.server.stream("DEFINITIONS").erase(revision));
  }

  eraseReplaced(): Promise<void> {
    return this.server.call(this.client, "erase", () => {
      const stream = this.server.stream("ERASED");
      for (const { subject, seq } of [...stream.from(1)]) {
        const isEntry = subject.startsWith(subjectOf("entry."));
        if (isEntry && stream.newest(subject)?.seq !== seq) stream.erase(seq);
      }
    });
  }

  markDone(revision: number): Promise<Published> {
    return this.put(doneName(revision), "{}", 0);
  }

  private put(name: string, body: string, expected: Seq): Promise<Published> {
    return putInLedger(this.server, this.client, subjectOf(name), body, expected);
  }
}
