// The control log: the stream DEFINITIONS. Answers lib/ports/control-log.ts. An entry's revision is its sequence.
import { headers, type Msg, type NatsConnection } from "@nats-io/transport-node";
import type { ControlCopy, ControlEntry } from "../core/control.ts";
import type { Millis } from "../core/types.ts";
import type { ControlLog, Following } from "../ports/control-log.ts";
import type { Published } from "../ports/publishing.ts";
import { controlStandIn } from "./control-erasing.ts";
import type { Names } from "./names.ts";
import { StreamReader } from "./stream-reader.ts";
import { publish, streamState } from "./wire.ts";

const IN_FLIGHT_MAX = 256;
/** A replica that lags knows fewer entries, too, but not for so long. */
const SHORT_MS_MAX = 3_000;
/** For headers, and for the revision that copies in the logs carry beside the entry. */
const BYTES_SPARE = 1_024;

export class NatsControlLog implements ControlLog {
  readonly entryBytesMax: number;
  private readonly nc: NatsConnection;
  private readonly names: Names;

  constructor(nc: NatsConnection, names: Names) {
    this.nc = nc;
    this.entryBytesMax = (nc.info?.max_payload ?? 1024 * 1024) - BYTES_SPARE;
    this.names = names;
  }

  async lastRevision(): Promise<number> {
    return (await streamState(this.nc, this.names.definitionsStream)).last;
  }

  follow(onEntry: (copy: ControlCopy, storedAt: Millis) => void, onFault: (error: Error) => void): Following {
    let last = 0;
    let missing = 0;
    let stopped = false;
    let filling = false;
    let shortSinceMs: number | undefined;
    const assertNotShorter = async (): Promise<void> => {
      const newest = await this.lastRevision();
      if (newest >= last) {
        shortSinceMs = undefined;
        return;
      }
      const error = new Error(
        `${this.names.definitionsStream} ends at ${newest}, but entry ${last} was already read: the stream lost its tail or was replaced; restore it from a backup`,
      );
      shortSinceMs ??= performance.now();
      if (performance.now() - shortSinceMs > SHORT_MS_MAX) {
        reader.stop();
        onFault(error);
      }
      throw error;
    };
    const fail = (error: Error): void => {
      reader.stop();
      onFault(error);
    };
    /** What was erased is in the ledger, in other words. Where it says nothing, the stream is asked once more. */
    const fill = async (end: number): Promise<void> => {
      while (last + 1 < end) {
        const standIn = await controlStandIn(this.nc, this.names, last + 1);
        if (stopped) return;
        if (standIn === undefined) {
          if (missing === last + 1) fail(new Error(this.lacks(missing)));
          missing = last + 1;
          return;
        }
        last += 1;
        onEntry({ revision: last, entry: standIn.entry }, standIn.stamp);
      }
    };
    const reader: StreamReader = new StreamReader({
      nc: this.nc,
      stream: this.names.definitionsStream,
      next: () => last + 1,
      room: () => IN_FLIGHT_MAX,
      check: assertNotShorter,
      onMessage: (message, { seq, stampMs }) => {
        if (seq <= last || filling) return;
        if (seq === last + 1) {
          last = seq;
          onEntry({ revision: seq, entry: entryOf(message) }, stampMs);
          return;
        }
        filling = true;
        // Whatever failed is asked again: the reader begins anew behind what it was given.
        void fill(seq)
          .catch(() => undefined)
          .finally(() => {
            filling = false;
            reader.reopen();
          });
      },
      onFault,
    });
    return {
      stop: () => {
        stopped = true;
        reader.stop();
      },
    };
  }

  private lacks(revision: number): string {
    return `${this.names.definitionsStream}: entry ${revision} is missing; definitions are never removed, so restore the stream from a backup`;
  }

  append(entry: ControlEntry, expectedLast: number): Promise<Published> {
    const mh = headers();
    mh.set("Nats-Expected-Last-Sequence", `${expectedLast}`);
    return publish(this.nc, this.names.definitionsSubject, JSON.stringify(entry), mh);
  }
}

/** What is no JSON is no known entry either: the fold says so, and every partition goes on. */
function entryOf(message: Msg): ControlEntry {
  try {
    return message.json<ControlEntry>();
  } catch {
    return null as unknown as ControlEntry;
  }
}
