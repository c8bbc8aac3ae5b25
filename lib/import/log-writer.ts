// Rows into the partitions' logs: in order per log, atomic batches, one outstanding a log, stop at the first failure.
// Last of the importer's stages. Batches, because one answer then stands for up to 500 rows, and because a refused single in
// the middle of a pipeline would reorder one person's cart.
//
// No Nats-Msg-Id: one id that is still in the stream's window refuses a whole batch, and the window forgets after two
// minutes anyway. Instead the last message of each batch bears a mark (file and line), so that an import that was
// stopped can be resumed exactly, and one that is begun again can be warned of. They are found by marks.ts.
import { headers, type MsgHdrs, type NatsConnection } from "@nats-io/transport-node";
import type { PartitionNo } from "../core/types.ts";
import type { Names } from "../nats/names.ts";
import { NO_STREAM, publish, publishBatch } from "../nats/wire.ts";
import type { Published } from "../ports/publishing.ts";
import type { RowKind } from "./mapping.ts";
import { lastLineOf, lineAtEnd, MARK_HEADER, type MarkedLog, markOfLine } from "./marks.ts";

/** The server's own bound is 1,000. */
const BATCH_ROWS_MAX = 500;
const BATCH_BYTES_MAX = 4 * 1024 * 1024;
/** Rows that may wait for their turn, all logs together. */
const WAITING_ROWS_MAX = 40_000;
const ANSWER_MS_MAX = 30_000;
/** Logs that are searched for marks at once. */
const SEARCHES_MAX = 4;

/** One log would not take any more. What was stored before is a prefix of what it was given. */
export class ImportStopped extends Error {
  readonly partition: PartitionNo;
  readonly firstLine: number;

  constructor(partition: PartitionNo, firstLine: number, reason: string) {
    super(
      `the log of partition ${partition} stopped taking rows at line ${firstLine}: ${reason}. ` +
        "Nothing was reordered; once the cause is mended, the same command with --resume goes on where each log stopped.",
    );
    this.name = "ImportStopped";
    this.partition = partition;
    this.firstLine = firstLine;
  }
}

/** What is kept in order by itself: the messages of one kind in one log. Told by the end of their subject. */
export type LogLane = `${PartitionNo}.${RowKind}`;

const KINDS: readonly RowKind[] = ["event", "account"];

export function laneOf(partition: PartitionNo, kind: RowKind): LogLane {
  return `${partition}.${kind}`;
}

interface Waiting {
  readonly line: number;
  readonly body: Uint8Array;
}

interface Lane {
  readonly partition: PartitionNo;
  readonly kind: RowKind;
  waiting: Waiting[];
  busy: boolean;
}

/** The logs that imports go into; answered below for NATS, and from memory in tests of the HTTP interface. */
export interface ImportLogs {
  readonly partitions: number;
  /** For the rows of one file, which the mark tells from any other. */
  writer(mark: string): ImportWriter;
  /** Whether some log ends with that very file: then it was imported before. Soon asked, and no proof that it was not. */
  endWith(mark: string): Promise<boolean>;
  /** Of each log the last line of that very file that it holds, whatever came after it. Throws where one cannot be searched. */
  storedUpTo(mark: string, signal?: AbortSignal): Promise<ReadonlyMap<LogLane, number>>;
  /** Moves every partition's clock, so that what is due by then comes due. */
  moveClocks(to: number): Promise<void>;
}

export type ImportWriter = Pick<LogWriter, "stored" | "add" | "flush" | "stop">;

export class NatsImportLogs implements ImportLogs {
  readonly partitions: number;
  private readonly nc: NatsConnection;
  private readonly names: Names;

  constructor(nc: NatsConnection, names: Names, partitions: number) {
    this.nc = nc;
    this.names = names;
    this.partitions = partitions;
  }

  writer(mark: string): ImportWriter {
    const { nc, names, partitions } = this;
    return new LogWriter({ nc, names, partitions, mark });
  }

  async endWith(mark: string): Promise<boolean> {
    const lines = await Promise.all(this.logs().map(({ log }) => lineAtEnd(log, mark)));
    return lines.some((line) => line !== undefined);
  }

  async storedUpTo(mark: string, signal?: AbortSignal): Promise<ReadonlyMap<LogLane, number>> {
    const lines = new Map<LogLane, number>();
    const logs = this.logs();
    const search = async (): Promise<void> => {
      for (let next = logs.pop(); next !== undefined; next = logs.pop()) {
        const line = await lastLineOf(next.log, mark, signal);
        if (line !== undefined) lines.set(next.lane, line);
      }
    };
    await Promise.all(Array.from({ length: SEARCHES_MAX }, search)).finally(() => {
      logs.length = 0;
    });
    return lines;
  }

  private logs(): { readonly lane: LogLane; readonly log: MarkedLog }[] {
    const { nc, names } = this;
    return Array.from({ length: this.partitions }, (_, partition) => partition).flatMap((partition) =>
      KINDS.map((kind) => {
        const [stream, subject] = [names.eventsStream(partition), names.logSubject(partition, kind)];
        return { lane: laneOf(partition, kind), log: { nc, stream, subject } };
      }),
    );
  }

  moveClocks(to: number): Promise<void> {
    const { nc, names, partitions } = this;
    return moveClocks({ nc, names, partitions }, to);
  }
}

type ClocksOf = Omit<LogWriterOptions, "mark">;

export interface LogWriterOptions {
  readonly nc: NatsConnection;
  readonly names: Names;
  readonly partitions: number;
  /** Tells this file from any other. */
  readonly mark: string;
}

export class LogWriter {
  /** Rows that are stored for certain. */
  stored = 0;
  private readonly options: LogWriterOptions;
  private readonly lanes: ReadonlyMap<LogLane, Lane>;
  private waiting = 0;
  private failure: Error | undefined;
  private wake: () => void = () => {};
  private moved: Promise<void>;

  constructor(options: LogWriterOptions) {
    this.options = options;
    const partitions = Array.from({ length: options.partitions }, (_, partition) => partition);
    this.lanes = new Map(
      partitions.flatMap((partition) =>
        KINDS.map((kind) => [laneOf(partition, kind), { partition, kind, waiting: [], busy: false }] as const),
      ),
    );
    this.moved = this.nextMove();
  }

  /** Resolves when there is room for more. Rejects with ImportStopped once a log has failed. */
  async add(partition: PartitionNo, line: number, body: Uint8Array, kind: RowKind = "event"): Promise<void> {
    const lane = this.lanes.get(laneOf(partition, kind))!;
    lane.waiting.push({ line, body });
    this.waiting += 1;
    if (lane.waiting.length >= BATCH_ROWS_MAX) this.send(lane);
    while (this.failure === undefined && this.isFull(lane)) {
      if (this.waiting > WAITING_ROWS_MAX) for (const other of this.lanes.values()) this.send(other);
      await this.moved;
    }
    if (this.failure !== undefined) throw this.failure;
  }

  /** Everything that was added is stored. */
  async flush(): Promise<void> {
    const lanes = [...this.lanes.values()];
    while (this.failure === undefined && lanes.some((lane) => lane.busy || lane.waiting.length > 0)) {
      for (const lane of lanes) this.send(lane);
      await this.moved;
    }
    if (this.failure !== undefined) throw this.failure;
  }

  /** Sends no more, and resolves once nothing is under way: from then on `stored` and the logs stay as they are. */
  async stop(): Promise<void> {
    this.failure ??= new Error("this import was stopped");
    while ([...this.lanes.values()].some(({ busy }) => busy)) await this.moved;
  }

  private isFull(lane: Lane): boolean {
    return lane.waiting.length >= 2 * BATCH_ROWS_MAX || this.waiting > WAITING_ROWS_MAX;
  }

  private send(lane: Lane): void {
    if (lane.busy || lane.waiting.length === 0 || this.failure !== undefined) return;
    const rows = takeBatch(lane);
    lane.busy = true;
    const onStored = (count: number): void => {
      this.stored += count;
    };
    const isStopped = (): boolean => this.failure !== undefined;
    store(this.options, lane, rows, { onStored, isStopped })
      .catch((error: Error) => {
        this.failure ??= error;
      })
      .finally(() => {
        lane.busy = false;
        this.waiting -= rows.length;
        if (lane.waiting.length >= BATCH_ROWS_MAX) this.send(lane);
        const { wake } = this;
        this.moved = this.nextMove();
        wake();
      });
  }

  private nextMove(): Promise<void> {
    return new Promise((resolve) => {
      this.wake = resolve;
    });
  }
}

function takeBatch(lane: Lane): readonly Waiting[] {
  let count = 0;
  for (let bytes = 0; count < lane.waiting.length && count < BATCH_ROWS_MAX; count += 1) {
    bytes += lane.waiting[count]!.body.length;
    if (bytes > BATCH_BYTES_MAX && count > 0) break;
  }
  const rows = lane.waiting.slice(0, count);
  lane.waiting = lane.waiting.slice(count);
  return rows;
}

/**
 * All of them, in order, as one batch. Throws ImportStopped when the log does not take them; what is stored is a prefix, then.
 * Where it takes no batch just now (anybody who may publish can hold its fifty open for ten seconds) they go one by one,
 * until it is stopped.
 */
async function store(
  { nc, names, mark }: LogWriterOptions,
  { partition, kind }: Lane,
  rows: readonly Waiting[],
  { onStored, isStopped }: { readonly onStored: (count: number) => void; readonly isStopped: () => boolean },
): Promise<void> {
  const subject = names.logSubject(partition, kind);
  const marked = ({ line }: Waiting): MsgHdrs => {
    const mh = headers();
    mh.set(MARK_HEADER, markOfLine(mark, line));
    return mh;
  };
  if (rows.length > 1) {
    const last = rows.at(-1)!;
    const messages = rows.map((row) => ({
      subject,
      payload: row.body,
      headers: row === last ? marked(row) : headers(),
    }));
    const published = await publishBatch(nc, messages, ANSWER_MS_MAX);
    if (published.kind === "stored") return onStored(rows.length);
    if (published.kind !== "retry") throw new ImportStopped(partition, rows[0]!.line, reasonOf(published));
  }
  for (const row of rows) {
    if (isStopped()) return;
    const published = await publish(nc, subject, row.body, marked(row), ANSWER_MS_MAX);
    if (published.kind !== "stored") throw new ImportStopped(partition, row.line, reasonOf(published));
    onStored(1);
  }
}

function reasonOf(published: Published): string {
  if (published === NO_STREAM) return "no stream listens on its subject; is this data set provisioned?";
  return "reason" in published ? published.reason : published.kind;
}

async function moveClocks({ nc, names, partitions }: ClocksOf, to: number): Promise<void> {
  const move = async (partition: PartitionNo): Promise<void> => {
    const subject = names.logSubject(partition, "clock");
    const published = await publish(nc, subject, JSON.stringify({ to }), undefined, ANSWER_MS_MAX);
    if (published.kind === "stored") return;
    throw new Error(`the clock of partition ${partition} was not moved: ${reasonOf(published)}`);
  };
  await Promise.all(Array.from({ length: partitions }, (_, partition) => move(partition)));
}
