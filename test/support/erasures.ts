// What an erasure must leave behind in memory, looked at from outside: what was ever stored, how far the ledger is, and whether
// a word still stands in any stream. Used by test/actors/erasing-crashes.test.ts and by the simulator's auditor.
import type { ControlEntry } from "../../lib/core/control.ts";
import type { LogRecord, PartitionNo } from "../../lib/core/types.ts";
import { controlStandIn } from "../../lib/memory/control-erasing.ts";
import { memoryKindOf } from "../../lib/memory/log-reading.ts";
import type { MemoryMessage, MemoryServer } from "../../lib/memory/server.ts";
import { memoryLogStream } from "../../lib/memory/world.ts";
import { type ErasurePhase, LedgerBook } from "../../lib/ports/erasing.ts";

/** Everything that was ever stored in a stream, whatever has been deleted since. */
export class Recording {
  readonly messages: MemoryMessage[] = [];

  constructor(server: MemoryServer, name: string) {
    const stream = server.stream(name);
    stream.listen(() => {
      for (const message of stream.from((this.messages.at(-1)?.seq ?? 0) + 1)) this.messages.push(message);
    });
  }

  get records(): LogRecord[] {
    return this.messages.map(recordOf);
  }

  /** Of a stream in which nothing was ever missing. */
  at(seq: number): MemoryMessage | undefined {
    return this.messages[seq - 1];
  }
}

export function recordOf({ seq, stamp, subject, body }: MemoryMessage): LogRecord {
  return { seq, stamp, kind: memoryKindOf(subject), body };
}

/** What is written about one partition's log. */
export function ledgerOf(server: MemoryServer, partition: PartitionNo): LedgerBook {
  const book = new LedgerBook();
  const prefix = `${partition}.`;
  for (const { subject, body, seq } of server.stream("ERASED").from(1))
    if (subject.startsWith(prefix)) book.take(subject.slice(prefix.length), Buffer.from(body).toString(), seq);
  return book;
}

/** How far an erasure is in each partition. */
export function phasesOf(server: MemoryServer, partitions: number, revision: number): (ErasurePhase | undefined)[] {
  return Array.from({ length: partitions }, (_, partition) => ledgerOf(server, partition).phaseOf(revision));
}

/** The control log as it reads by now. */
export function entriesOf(server: MemoryServer): ControlEntry[] {
  const stream = server.stream("DEFINITIONS");
  return Array.from({ length: stream.last }, (_, index) => {
    const stored = stream.at(index + 1);
    if (stored !== undefined) return JSON.parse(Buffer.from(stored.body).toString()) as ControlEntry;
    const standIn = controlStandIn(server, index + 1);
    if (standIn === undefined) throw new Error(`DEFINITIONS: entry ${index + 1} is missing`);
    return standIn.entry;
  });
}

/** Each place of a data set where one of these words stands, in words. */
export function leftOf(
  server: MemoryServer,
  partitions: number,
  words: readonly string[],
  isExempt: (stream: string, message: MemoryMessage, word: string) => boolean = () => false,
): string[] {
  const logs = Array.from({ length: partitions }, (_, partition) => memoryLogStream(partition));
  return [...logs, "SEGMENTS", "REJECTS", "DEFINITIONS", "CHECKPOINT", "ERASED"].flatMap((name) =>
    [...server.stream(name).from(1)].flatMap((message) => {
      const text = Buffer.from(message.body).toString("latin1");
      const found = words.filter((word) => text.includes(word) && !isExempt(name, message, word));
      return found.map((word) => `${word} stands in ${name} ${message.seq} (${message.subject})`);
    }),
  );
}
