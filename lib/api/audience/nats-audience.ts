// The audience over NATS: the control log says what segments there are, the partitions' owners who is in them, and the
// republished deltas what happens now. Answers audience.ts.
import type { NatsConnection } from "@nats-io/transport-node";
import { decodeDelta } from "../../core/deltas.ts";
import { isMeant } from "../../core/erasure.ts";
import { partitionOf } from "../../core/ids.ts";
import type { MemberSet } from "../../core/members.ts";
import type { AccountView, UserView } from "../../core/partition.ts";
import type { Delta, Limits, MemberId, MemberKind, PartitionNo, SegmentId } from "../../core/types.ts";
import { NatsControlLog } from "../../nats/control-log.ts";
import { Gate } from "../../nats/gate.ts";
import { NatsLogLookup } from "../../nats/log-lookup.ts";
import type { Names } from "../../nats/names.ts";
import { Questions, type Sizes } from "../../nats/questions.ts";
import type { PartitionStatus } from "../../ports/questions.ts";
import { traceNow } from "../http/tracing.ts";
import { Catalogue } from "../segments/catalogue.ts";
import { saidOf } from "../segments/said.ts";
import type {
  AccountUsers,
  Audience,
  DecideOptions,
  Decision,
  Explanation,
  MemberList,
  Overview,
  Readiness,
  SegmentDetail,
} from "./audience.ts";
import { type Comparison, compareSegments } from "./comparing.ts";
import { explained } from "./explaining.ts";
import { type MemberAsk, type MemberPage, memberPage, membersOf } from "./members.ts";
import { type Meant, meantBy, Recent } from "./recent.ts";

const RECENT_MAX = 50;
const REASONS_MAX = 8;
/** Of everybody, by this process. */
const SCANS_AT_ONCE_MAX = 8;

export interface NatsAudienceOptions {
  readonly nc: NatsConnection;
  readonly names: Names;
  readonly partitions: number;
  readonly limits: Limits;
}

export async function openAudience(options: NatsAudienceOptions): Promise<NatsAudience> {
  const catalogue = await Catalogue.open(new NatsControlLog(options.nc, options.names), options.limits);
  return new NatsAudience(options, catalogue);
}

export class NatsAudience implements Audience {
  private readonly nc: NatsConnection;
  private readonly log: NatsLogLookup;
  readonly catalogue: Catalogue;
  readonly questions: Questions;
  private readonly partitionCount: number;
  private readonly limits: Limits;
  private readonly listeners = new Set<(delta: Delta) => void>();
  private readonly erasureListeners = new Set<(isMeant: Meant) => void>();
  private readonly last = new Recent<Delta>(RECENT_MAX, (delta) => [delta]);
  private readonly silence: () => void;
  private readonly scans = new Gate(SCANS_AT_ONCE_MAX);
  private sizesAsked: Promise<Sizes> | undefined;

  constructor({ nc, names, partitions, limits }: NatsAudienceOptions, catalogue: Catalogue) {
    this.nc = nc;
    this.log = new NatsLogLookup(nc, names);
    this.partitionCount = partitions;
    this.limits = limits;
    this.catalogue = catalogue;
    this.questions = new Questions(nc, names, partitions, traceNow);
    const subscription = nc.subscribe(names.segmentSubject("*", "*"), {
      callback: (error, message) => {
        if (error === null) this.hear(message.string());
      },
    });
    this.silence = () => subscription.unsubscribe();
    catalogue.onErased((erased) => this.forget((kind, id) => kind === erased.kind && isMeant(erased, id)));
  }

  close(): void {
    this.silence();
    this.catalogue.stop();
  }

  async overview(): Promise<Overview> {
    const sizes = await this.sizes().catch(() => undefined);
    const segments = this.catalogue.segments().map(({ definition: _, ...entry }) => ({
      ...entry,
      size: sizeOf(sizes, entry),
    }));
    return { segments, universe: sizes?.universe ?? null };
  }

  async segment(id: SegmentId): Promise<SegmentDetail | undefined> {
    const entry = this.catalogue.entry(id);
    if (entry === undefined) return undefined;
    const said = saidOf(entry, this.catalogue, this.limits);
    return {
      ...entry,
      size: sizeOf(await this.sizes().catch(() => undefined), entry),
      ...(said === undefined ? {} : { sentence: said.sentence }),
    };
  }

  async members(id: SegmentId, ask: MemberAsk): Promise<MemberList | undefined> {
    const entry = this.catalogue.entry(id);
    if (entry === undefined) return undefined;
    const { kind } = entry;
    if (entry.state !== "live") return { segment: id, kind, size: 0, items: [], next: null };
    return { segment: id, kind, ...(await this.overlap(membersOf(kind, id), ask)) };
  }

  /** In any order a page ends when it is full; in an order it looks at everybody. */
  overlap(set: MemberSet, ask: MemberAsk): Promise<MemberPage> {
    const page = () => memberPage(this.questions, set, ask);
    return ask.order === "any" ? page() : this.scans.run(page, ask.signal);
  }

  compare(kind: MemberKind, segments: readonly SegmentId[], signal?: AbortSignal): Promise<Comparison> {
    return this.scans.run(() => compareSegments(this.questions, { kind, segments, signal }), signal);
  }

  async user(id: MemberId): Promise<UserView | undefined> {
    return (await this.questions.user(id)).user ?? undefined;
  }

  async account(id: MemberId): Promise<AccountView | undefined> {
    return (await this.questions.account(id)).account ?? undefined;
  }

  async accountUsers(id: MemberId, limit: number, rule?: string): Promise<AccountUsers | undefined> {
    const account = await this.account(id);
    if (account === undefined) return undefined;
    const users = await this.questions.accountUsers(id, limit, rule);
    const count = rule === undefined ? account.users : (account.usersByRule?.[rule] ?? 0);
    return { account: id, count, users };
  }

  async explain(segment: SegmentId, id: MemberId): Promise<Explanation | undefined> {
    const entry = this.catalogue.entry(segment);
    if (entry === undefined) return undefined;
    const { kind } = entry;
    const { log, limits, questions, partitionCount: partitions } = this;
    const { explain, clock } = await explained({ questions, logs: { log, partitions, limits } }, segment, { kind, id });
    return explain === null ? undefined : { segment, kind, id, clock, explanation: explain };
  }

  partitionOf(id: MemberId): PartitionNo {
    return partitionOf(id, this.partitionCount);
  }

  async decide(id: MemberId, options: DecideOptions): Promise<Decision> {
    const answer = await this.questions.decide(id, options);
    return { ...answer, partition: this.partitionOf(id) };
  }

  async readiness(): Promise<Readiness> {
    if (this.nc.isClosed()) return { ready: false, reasons: ["the connection to NATS is closed"] };
    const all = (await this.partitions()).flatMap((status, partition) => notServed(status, partition));
    const more = all.length > REASONS_MAX ? [`and ${all.length - REASONS_MAX} more`] : [];
    return { ready: all.length === 0, reasons: [...all.slice(0, REASONS_MAX), ...more] };
  }

  partitions(): Promise<readonly (PartitionStatus | null)[]> {
    return this.questions.status();
  }

  recent(): readonly Delta[] {
    return this.last.newestFirst;
  }

  onDelta(listener: (delta: Delta) => void): () => void {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  }

  onErased(listener: (isMeant: Meant) => void): () => void {
    this.erasureListeners.add(listener);
    return () => void this.erasureListeners.delete(listener);
  }

  /** Everybody who asks while an answer is on its way gets the same one. */
  private sizes(): Promise<Sizes> {
    this.sizesAsked ??= this.questions.sizes().finally(() => {
      this.sizesAsked = undefined;
    });
    return this.sizesAsked;
  }

  private hear(text: string): void {
    const delta = readDelta(text);
    if (delta === undefined) return;
    this.last.add(delta);
    for (const listener of this.listeners) listener(delta);
    const isErased = meantBy(delta);
    if (isErased !== undefined) this.forget(isErased);
  }

  private forget(isErased: Meant): void {
    this.last.forget(isErased);
    for (const listener of this.erasureListeners) listener(isErased);
  }
}

function sizeOf(
  sizes: Sizes | undefined,
  { id, state }: { readonly id: SegmentId; readonly state: string },
): number | null {
  if (sizes === undefined) return null;
  return state === "live" ? (sizes.sizes[id] ?? 0) : 0;
}

/** Empty when the partition is served. */
function notServed(status: PartitionStatus | null, partition: number): readonly string[] {
  if (status === null) return [`partition ${partition} has no owner that answers; is a worker running?`];
  if (status.error !== null) return [`${status.error.code}: ${status.error.message}`];
  return status.phase === "running" ? [] : [`partition ${partition} is ${status.phase}`];
}

function readDelta(text: string): Delta | undefined {
  try {
    return decodeDelta(text);
  } catch {
    // Nobody but the stream may publish there; whatever it is, it is no delta.
    return undefined;
  }
}
