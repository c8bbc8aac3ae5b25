// The ledger of erasures and the secure deletes of a partition, in memory. Answers lib/ports/erasing.ts.
// Beside world.ts; a message that is erased here is gone at once, and so it is on a real server.
import type { PartitionNo, Seq } from "../core/types.ts";
import {
  type Chunk,
  type ErasureLedger,
  type ErasureNote,
  type ErasurePhase,
  entryName,
  entryText,
  LedgerBook,
  phaseName,
  type StandIn,
  type StreamEraser,
} from "../ports/erasing.ts";
import type { Published } from "../ports/publishing.ts";
import { publish } from "./publish.ts";
import type { MemoryServer, MemoryStream } from "./server.ts";

export class MemoryLedger implements ErasureLedger {
  book = new LedgerBook();
  private readonly server: MemoryServer;
  private readonly client: string;
  private readonly prefix: string;

  constructor(server: MemoryServer, client: string, partition: PartitionNo) {
    this.server = server;
    this.client = client;
    this.prefix = `${partition}.`;
  }

  private get stream(): MemoryStream {
    return this.server.stream("ERASED");
  }

  read(): Promise<LedgerBook> {
    return this.server.call(this.client, "readLedger", () => {
      const book = new LedgerBook();
      for (const { subject, body, seq } of this.stream.from(1)) {
        const isOurs = subject.startsWith(this.prefix);
        if (isOurs) book.take(subject.slice(this.prefix.length), Buffer.from(body).toString(), seq);
      }
      this.book = book;
      return book;
    });
  }

  list(revision: number, chunk: number, standIns: readonly StandIn[]): Promise<Published> {
    return this.put(entryName(revision, chunk), entryText(standIns));
  }

  mark(revision: number, phase: ErasurePhase, note: ErasureNote): Promise<Published> {
    return this.put(phaseName(revision, phase), JSON.stringify(note));
  }

  rewrite({ name, standIns, at }: Chunk): Promise<Published> {
    return this.put(name, entryText(standIns), at);
  }

  private put(name: string, body: string, expected = 0): Promise<Published> {
    return putInLedger(this.server, this.client, `${this.prefix}${name}`, body, expected);
  }
}

/** `expected` is the place of what it replaces; 0 where nothing stands under that name. */
export function putInLedger(
  server: MemoryServer,
  client: string,
  subject: string,
  body: string,
  expected: Seq,
): Promise<Published> {
  const message = { subject, body: Buffer.from(body) };
  return publish(server, client, "ledger", [message], () =>
    server.stream("ERASED").store([message], { subject, seq: expected }),
  );
}

export class MemoryEraser implements StreamEraser {
  private readonly server: MemoryServer;
  private readonly client: string;
  private readonly partition: string;

  constructor(server: MemoryServer, client: string, partition: PartitionNo) {
    this.server = server;
    this.client = client;
    this.partition = `${partition}`;
  }

  fromLog(seq: Seq): Promise<void> {
    return this.server.call(this.client, "erase", () => {
      const log = this.server.stream(`EVENTS_${this.partition}`);
      if (log.at(seq) !== undefined) log.drop(seq);
    });
  }

  fromLedger(at: Seq): Promise<void> {
    return this.server.call(this.client, "erase", () => this.server.stream("ERASED").erase(at));
  }

  deltas(isTheirs: (body: string) => boolean): Promise<number> {
    return this.drop("SEGMENTS", ({ subject, body, headers }) => {
      const isDelta = subject.startsWith("segment.") && headers.partition === this.partition;
      return isDelta && isTheirs(Buffer.from(body).toString());
    });
  }

  rejects(isTheirs: (seq: Seq, body: Uint8Array) => boolean): Promise<number> {
    return this.drop(
      "REJECTS",
      ({ headers, body }) => headers.partition === this.partition && isTheirs(Number(headers.seq), body),
    );
  }

  private drop(
    name: string,
    isTheirs: (message: NonNullable<ReturnType<MemoryStream["at"]>>) => boolean,
  ): Promise<number> {
    return this.server.call(this.client, "erase", () => {
      const stream = this.server.stream(name);
      const theirs = [...stream.from(1)].filter(isTheirs);
      for (const { seq } of theirs) stream.erase(seq);
      return theirs.length;
    });
  }
}
