// Now and then one person or one account, drawn by chance, is recomputed from the log by the oracle and compared with what is
// held of them. It reads beside the live path, a slice at a time, and changes nothing; running.ts gives it its turns.
//
//   taken at 5,310: memberships ──────────────────────────────┐
//   log  1 ───────────────── sample of one ─────────── 5,310 ─┴─ the oracle's memberships ── equal?
import type { PageNo, PartitionMachine } from "../../lib/core/partition.ts";
import type { MemberId, MemberKind, Millis, SegmentId, Seq } from "../../lib/core/types.ts";
import { MemberSample } from "../../lib/doctor/sample.ts";
import { Oracle } from "../../lib/oracle/oracle.ts";
import type { LogReading } from "../../lib/ports/event-log.ts";
import type { Timer } from "../../lib/ports/runtime.ts";
import type { PartitionContext } from "./context.ts";
import type { Shelf } from "./shelf.ts";

const RECORDS_IN_FLIGHT_MAX = 1_000;
/** Messages looked through in one turn: most are somebody else's, and only passed. */
const SLICE_RECORDS = 128;
/** The oracle evaluates every segment at every message of the member: more than this is passed over. */
const EVALUATIONS_MAX = 200_000;
const SEGMENTS_MAX = 2_000;
const EVENTS_MAX = 1_000;

interface Held {
  readonly in: boolean;
  readonly n: number;
  readonly since: Millis;
}

interface Job {
  readonly kind: MemberKind;
  readonly member: MemberId;
  /** As of which the memberships were taken. */
  readonly position: Seq;
  readonly held: ReadonlyMap<SegmentId, Held>;
  readonly sample: MemberSample;
  reading: LogReading | undefined;
  /** Recomputing has begun. */
  oracle: { readonly at: Oracle; readonly records: Iterator<Parameters<Oracle["apply"]>[0]> } | undefined;
}

export interface Disagreed {
  readonly segment: SegmentId;
  readonly held: string;
  readonly recomputed: string;
}

export class SelfAudit {
  private readonly context: PartitionContext;
  private readonly machine: PartitionMachine;
  private readonly shelf: Shelf;
  private readonly wake: () => void;
  private timer: Timer | undefined;
  private isDue = false;
  private job: Job | undefined;
  private stopped = false;

  constructor(context: PartitionContext, machine: PartitionMachine, shelf: Shelf, wake: () => void) {
    this.context = context;
    this.machine = machine;
    this.shelf = shelf;
    this.wake = wake;
    this.schedule();
  }

  /** A turn between two steps; true when there is more to do at once. */
  async work(): Promise<boolean> {
    if (this.isDue) {
      this.isDue = false;
      await this.begin();
    }
    const { job } = this;
    if (job === undefined) return false;
    if (!this.context.background.take()) return true;
    if (job.oracle !== undefined) return this.recompute(job, job.oracle);
    const records = job.reading?.take(SLICE_RECORDS) ?? [];
    for (const record of records) {
      if (record.seq > job.position) break;
      job.sample.add(record);
    }
    if (job.sample.position >= job.position) this.beginRecomputing(job);
    return records.length > 0;
  }

  stop(): void {
    this.stopped = true;
    this.timer?.cancel();
    this.end();
  }

  private schedule(): void {
    const { settings, runtime } = this.context;
    if (settings.auditIntervalMs === 0 || this.stopped) return;
    // Partitions of one shard must not all read their logs at once.
    this.timer = runtime.after(settings.auditIntervalMs * (0.5 + runtime.random()), () => {
      this.isDue = true;
      this.wake();
    });
  }

  /** Draws somebody, and takes down what is held of them as of this position. */
  private async begin(): Promise<void> {
    const { world, runtime, machine: options, settings } = this.context;
    const pages = this.machine.pageNumbers();
    const page = pages[Math.floor(runtime.random() * pages.length)]!;
    if (!this.machine.isResident(page)) {
      if (!this.shelf.has(page)) return this.schedule();
      this.machine.providePage(page, await this.shelf.load(page));
    }
    const { kind, member } = this.draw(page);
    const segments = this.machine.sizes().size;
    if (member === undefined) return this.schedule();
    if (segments > SEGMENTS_MAX) return this.passOver();
    const view = kind === "user" ? this.machine.user(member) : this.machine.account(member);
    const held = view!.memberships;
    const eventsPerMemberMax = Math.min(EVENTS_MAX, Math.floor(EVALUATIONS_MAX / (segments + 1)));
    const job: Job = {
      kind,
      member,
      position: this.machine.position,
      held: new Map(held.map(({ segment, in: isIn, n, since }) => [segment, { in: isIn, n, since }])),
      sample: new MemberSample(options, {
        kind,
        membersMax: 1,
        eventsPerMemberMax,
        rank: (id) => (id === member ? 0 : Number.POSITIVE_INFINITY),
      }),
      reading: undefined,
      oracle: undefined,
    };
    this.job = job;
    const bounds = await world.log.bounds().catch(() => undefined);
    if (this.stopped || this.job !== job) return;
    // A past that was trimmed, or that cannot be read now, tells nothing.
    if (bounds === undefined || bounds.first > 1) return this.passOver();
    job.reading = world.log.read({
      after: undefined,
      recordsMax: RECORDS_IN_FLIGHT_MAX,
      bytesMax: settings.bytesInFlightMax,
      recordBytesMax: options.limits.eventBytesMax,
      onReadable: this.wake,
      onFault: () => this.passOver(),
    });
  }

  /** Whoever is on the page is as likely as anybody else there, a user or an account. */
  private draw(page: PageNo): { readonly kind: MemberKind; readonly member: MemberId | undefined } {
    const users = this.machine.idsOn(page, "user");
    const accounts = this.machine.idsOn(page, "account");
    const drawn = Math.floor(this.context.runtime.random() * (users.length + accounts.length));
    if (drawn < users.length) return { kind: "user", member: users[drawn] };
    return { kind: "account", member: accounts[drawn - users.length] };
  }

  private beginRecomputing(job: Job): void {
    job.reading?.stop();
    // Who has done too much is left out of the sample.
    if (!job.sample.has(job.member)) this.passOver();
    else {
      job.oracle = { at: new Oracle(this.context.machine), records: job.sample.records() };
      this.wake();
    }
  }

  /** A few milliseconds of it; true while there is more. */
  private recompute(job: Job, { at: oracle, records }: NonNullable<Job["oracle"]>): boolean {
    const { runtime, settings } = this.context;
    const beganMs = runtime.monotonicMs();
    do {
      const next = records.next();
      if (next.done === true) {
        this.compare(job, oracle);
        return false;
      }
      oracle.apply(next.value);
      // What others would hear is no part of it.
      oracle.takeLinks();
    } while (runtime.monotonicMs() - beganMs < settings.backgroundSliceMsMax);
    return true;
  }

  private compare({ kind, member, position, held }: Job, oracle: Oracle): void {
    const { counters, partition, log } = this.context;
    const disagreed = disagreements(held, oracle.member(kind, member)?.memberships ?? new Map());
    counters.audits += 1;
    if (disagreed.length > 0) {
      counters.auditMismatches += 1;
      const { controlRevision } = this.machine;
      log.error(
        { partition, kind, member, position, revision: controlRevision, disagreed },
        `audit: what is held of somebody is not what the log says up to message ${position}; see it in full with \`rollcall replay --verify\`, and keep the stream`,
      );
    }
    this.end();
    this.schedule();
  }

  private passOver(): void {
    this.context.counters.auditsPassedOver += 1;
    this.end();
    this.schedule();
  }

  private end(): void {
    this.job?.reading?.stop();
    this.job = undefined;
  }
}

/** Every segment of which the two say different things. */
export function disagreements(
  held: ReadonlyMap<SegmentId, Held>,
  recomputed: ReadonlyMap<SegmentId, Held>,
): readonly Disagreed[] {
  const segments = [...new Set([...held.keys(), ...recomputed.keys()])].sort();
  return segments.flatMap((segment) => {
    const [left, right] = [textOf(held.get(segment)), textOf(recomputed.get(segment))];
    return left === right ? [] : [{ segment, held: left, recomputed: right }];
  });
}

function textOf(held: Held | undefined): string {
  if (held === undefined) return "never a member";
  return `${held.in ? "joined" : "left"}, change ${held.n}, ${new Date(held.since).toISOString()}`;
}
