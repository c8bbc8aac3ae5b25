// The audit of a running cluster, in its two parts: what each partition remembers, and what was said to the world.
// The parent of lib/doctor: reads through read.ts and lib/cli/read-streams.ts, and has the checks judge what was read.
import { hasSaid } from "../cli/live-memberships.ts";
import { deltaMessages, logRecords } from "../cli/read-streams.ts";
import { sideBySide } from "../cli/side-by-side.ts";
import { decodeDelta } from "../core/deltas.ts";
import { partitionOf } from "../core/ids.ts";
import type { Delta, LogRecord, MemberId, MemberKind, PartitionNo, Seq } from "../core/types.ts";
import { Gate } from "../nats/gate.ts";
import { QuestionFailed } from "../nats/questions.ts";
import { storedMessage } from "../nats/wire.ts";
import type { OracleOptions } from "../oracle/oracle.ts";
import { Refusal } from "../ports/errors.ts";
import { LeftOut } from "../verify/left-out.ts";
import type { StoredDelta } from "../verify/verify.ts";
import {
  type Agreement,
  agreementFindings,
  agreementOf,
  type Compared,
  type LiveMember,
  trimmedFindings,
} from "./agreement.ts";
import type { PartitionFacts, StreamFacts } from "./facts.ts";
import { type Finding, findingsOf, type Trouble } from "./finding.ts";
import { gapFindings } from "./gaps.ts";
import { manifestsText, manifestTroubles } from "./manifests.ts";
import { Numbering, rankOf } from "./numbering.ts";
import type { AuditReader, AuditReaderOptions } from "./read.ts";
import { MemberSample } from "./sample.ts";
import { watermarkTroubles } from "./watermarks.ts";

const PARTITIONS_AT_ONCE = 4;
const QUESTIONS_AT_ONCE = 16;
/** What looks wrong while partitions move or checkpoints are written is looked at once more, so long after. */
const SECOND_LOOK_MS = 500;
/** A log that is no longer than this is recomputed for everybody in it. */
const WHOLE_LOG_MESSAGES_MAX = 2_000;
const EVENTS_PER_MEMBER_MAX = 2_000;
/** Of so many memberships the last number is kept in memory, unless all are asked for. */
const MEMBERSHIPS_MAX = 500_000;
const SAID_MS_MAX = 10_000;
const POLL_MS = 100;
const PROGRESS_EVERY = 1_000;

export interface AuditOptions {
  readonly partitions: number;
  /** Members that are recomputed, over all partitions. */
  readonly membersMax: number;
  /** Messages that are read of each log, from its first; Infinity reads all. */
  readonly messagesMax: number;
  /** Every member's numbering is followed, however many there are. */
  readonly everyMember: boolean;
  readonly salt: number;
  oracle(partition: PartitionNo): OracleOptions;
  onProgress(what: string, done: number, total: number): void;
}

export interface Remembered {
  readonly facts: readonly PartitionFacts[];
  readonly segments: StreamFacts;
  readonly findings: readonly Finding[];
}

type Reader = Pick<AuditReader<never>, "partition" | "stream" | "definitions">;
type Client = Pick<AuditReaderOptions<never>, "nc" | "names"> & {
  readonly questions: {
    user(id: MemberId): Promise<{ readonly position: Seq; readonly user: Held | null }>;
    account(id: MemberId): Promise<{ readonly position: Seq; readonly account: Held | null }>;
    statusOf(partition: PartitionNo): Promise<PartitionFacts["status"]>;
  };
};

type Held = Pick<LiveMember, "memberships">;

/** Of one partition's users, or of its accounts. */
interface Sampled {
  readonly partition: PartitionNo;
  readonly kind: MemberKind;
  readonly sample: MemberSample;
}

const KINDS: readonly MemberKind[] = ["user", "account"];

/** Watermarks, manifests and gaps. */
export async function auditMemory(reader: Reader, { names }: Client, options: AuditOptions): Promise<Remembered> {
  const { partitions, onProgress } = options;
  const numbers = Array.from({ length: partitions }, (_, partition) => partition);
  let looked = 0;
  const facts = await sideBySide(numbers, PARTITIONS_AT_ONCE, async (partition) => {
    const found = await lookTwice(reader, partition, names.segmentsStream);
    looked += 1;
    onProgress("partitions", looked, partitions);
    return found;
  });
  const segments = await reader.stream(names.segmentsStream);
  const definitions = await reader.definitions();
  const { segmentsStream, definitionsStream } = names;
  const findings = [
    ...watermarkFindings(facts),
    ...findingsOf(
      "manifests",
      facts.flatMap(({ facts: one }) => manifestTroubles(one)),
      manifestsText(facts.map((one) => one.facts)),
    ),
    ...gapFindings(
      facts.map((one) => one.facts),
      { segmentsStream, segments, definitionsStream, definitions },
    ),
  ];
  return { facts: facts.map((one) => one.facts), segments, findings };
}

interface Looked {
  readonly facts: PartitionFacts;
  readonly watermark: readonly Trouble[];
}

async function lookTwice(reader: Reader, partition: PartitionNo, segmentsStream: string): Promise<Looked> {
  const look = async (): Promise<Looked> => {
    const facts = await reader.partition(partition);
    const { first } = await reader.stream(segmentsStream);
    return { facts, watermark: watermarkTroubles(facts, first, Date.now()) };
  };
  const found = await look();
  if (found.watermark.length === 0 && manifestTroubles(found.facts).length === 0) return found;
  await sleep(SECOND_LOOK_MS);
  return look();
}

function watermarkFindings(looked: readonly Looked[]): readonly Finding[] {
  const oldest = Math.max(0, ...looked.map(({ facts }) => facts.watermark?.value.epoch ?? 0));
  const text = `all ${looked.length} within their logs, on the messages they remember; epochs up to ${oldest}`;
  return findingsOf(
    "watermarks",
    looked.flatMap(({ watermark }) => watermark),
    text,
  );
}

/** Numbering and the sample: one reading of the logs, one of SEGMENTS. */
export async function auditSpeech(
  client: Client,
  { facts, segments }: Remembered,
  options: AuditOptions,
): Promise<readonly Finding[]> {
  const recomputable = facts.filter(({ log }) => log.first === 1 && log.numDeleted === 0);
  const leftOut: Trouble[] = [];
  const samples = await takeSamples(client, recomputable, options, leftOut);
  const answering = samples.filter(({ partition }) => facts[partition]!.status?.phase === "running");
  const live = await askOwners(client, answering, options, leftOut);
  const erased = new LeftOut();
  for await (const record of controlRecords(client)) erased.hear(record);
  const numbering = new Numbering({
    isErased: (kind, id) => erased.has(kind, id),
    share: options.everyMember ? 1 : Math.min(1, MEMBERSHIPS_MAX / Math.max(1, segments.messages)),
    salt: options.salt,
    whole: segments.first <= 1,
  });
  const deltas = await hearAgain(client, samples, numbering, segments, options);
  const compared: [Compared, Agreement][] = [];
  for (const sampled of samples) {
    const { partition } = sampled;
    const done = saidUpTo(facts[partition]!);
    const one: Compared = { ...sampled, deltas: deltas.get(sampled)!, live: live.get(sampled) ?? [], done };
    try {
      compared.push([one, await agreementOf(options.oracle(partition), one)]);
    } catch (error) {
      leftOut.push(unreadable(partition, error));
    }
    options.onProgress("recomputed samples", compared.length, samples.length);
  }
  const holes = facts.filter(({ log }) => log.first === 1 && log.numDeleted > 0).map(holed);
  return [
    ...numbering.findings(),
    ...(compared.length + leftOut.length + holes.length === 0
      ? []
      : agreementFindings(compared, [...leftOut, ...holes])),
    ...trimmedFindings(facts),
  ];
}

/** Entries of the control log, as their copies in a log would read. */
async function* controlRecords({ nc, names }: Client): AsyncGenerator<LogRecord> {
  const which = { next_by_subj: names.definitionsSubject };
  for (let next = 1; ; ) {
    const stored = await storedMessage(nc, names.definitionsStream, { seq: next, ...which });
    if (stored === undefined) return;
    next = stored.seq + 1;
    const text = Buffer.from(stored.data).toString("utf8");
    if (!text.includes('"op":"erase"')) continue;
    yield { seq: stored.seq, stamp: stored.stampMs, kind: "control", body: Buffer.from(`{"entry":${text}}`) };
  }
}

async function takeSamples(
  { nc, names }: Client,
  facts: readonly PartitionFacts[],
  options: AuditOptions,
  leftOut: Trouble[],
): Promise<readonly Sampled[]> {
  const upTo = (one: PartitionFacts): Seq => Math.min(saidUpTo(one), options.messagesMax);
  const total = facts.reduce((sum, one) => sum + upTo(one), 0);
  let read = 0;
  const taken = await sideBySide(facts, PARTITIONS_AT_ONCE, async (one): Promise<readonly Sampled[]> => {
    const { partition } = one;
    const whole = one.log.last <= WHOLE_LOG_MESSAGES_MAX;
    const samples = KINDS.map((kind): Sampled => {
      const sample = new MemberSample(options.oracle(partition), {
        kind,
        membersMax: whole ? Number.POSITIVE_INFINITY : share(options),
        eventsPerMemberMax: EVENTS_PER_MEMBER_MAX,
        rank: (id) => rankOf(id, options.salt),
      });
      return { partition, kind, sample };
    });
    try {
      for await (const record of logRecords(nc, names, partition, upTo(one))) {
        for (const { sample } of samples) sample.add(record);
        read += 1;
        if (read % PROGRESS_EVERY === 0) options.onProgress("messages of the logs", read, total);
      }
      return samples;
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      leftOut.push(unreadable(partition, error));
      return [];
    }
  });
  return taken.flat();
}

/** What was said stands for the log up to here; a watermark ahead of it is told elsewhere. */
function saidUpTo({ watermark, log }: PartitionFacts): Seq {
  return Math.min(watermark?.value.done ?? 0, log.last);
}

function share({ membersMax, partitions }: AuditOptions): number {
  return Math.ceil(membersMax / partitions);
}

/** What the owners hold of the sampled members, once everything up to their answers has been said. */
async function askOwners(
  { questions }: Client,
  samples: readonly Sampled[],
  options: AuditOptions,
  leftOut: Trouble[],
): Promise<ReadonlyMap<Sampled, readonly LiveMember[]>> {
  const gate = new Gate(QUESTIONS_AT_ONCE);
  const heldOf = async (kind: MemberKind, id: MemberId): Promise<{ position: Seq; held: Held | null }> => {
    if (kind === "user") {
      const { position, user } = await questions.user(id);
      return { position, held: user };
    }
    const { position, account } = await questions.account(id);
    return { position, held: account };
  };
  const ask = async (kind: MemberKind, id: MemberId): Promise<readonly LiveMember[]> => {
    try {
      const { position, held } = await gate.run(() => heldOf(kind, id));
      return [{ id, position, memberships: held?.memberships ?? [] }];
    } catch (error) {
      // That nobody answers for a partition is told elsewhere.
      if (error instanceof QuestionFailed) return [];
      throw error;
    }
  };
  const answers = await Promise.all(
    samples.map(async (sampled): Promise<readonly [Sampled, readonly LiveMember[]]> => {
      const { partition, kind, sample } = sampled;
      const asked = sample.members.slice(0, share(options));
      const live = (await Promise.all(asked.map((id) => ask(kind, id)))).flat();
      if (await said(questions, partition, Math.max(0, ...live.map(({ position }) => position))))
        return [sampled, live];
      if (kind === "user") leftOut.push(unsaid(partition));
      return [sampled, []];
    }),
  );
  return new Map(answers);
}

async function said(questions: Client["questions"], partition: PartitionNo, upTo: Seq): Promise<boolean> {
  const until = performance.now() + SAID_MS_MAX;
  while (upTo > 0) {
    const status = await questions.statusOf(partition);
    if (status !== null && hasSaid(status, upTo)) return true;
    if (performance.now() > until) return false;
    await sleep(POLL_MS);
  }
  return true;
}

/** Every delta once: its number is followed, and those of sampled members are kept. */
async function hearAgain(
  { nc, names }: Client,
  samples: readonly Sampled[],
  numbering: Numbering,
  segments: StreamFacts,
  options: AuditOptions,
): Promise<ReadonlyMap<Sampled, readonly StoredDelta[]>> {
  const kept = new Map<Sampled, StoredDelta[]>(samples.map((sampled) => [sampled, []]));
  const byHome = new Map(samples.map((sampled) => [`${sampled.partition} ${sampled.kind}`, sampled]));
  let heard = 0;
  for await (const { seq, body } of deltaMessages(nc, names)) {
    heard += 1;
    if (heard % PROGRESS_EVERY === 0) options.onProgress("deltas", heard, Math.max(heard, segments.messages));
    const delta = readableDelta(body);
    if (delta === undefined) {
      numbering.refuse(seq);
      continue;
    }
    numbering.hear(seq, delta);
    // A user and an account may have one id.
    const sampled = byHome.get(`${partitionOf(delta.id, options.partitions)} ${delta.kind}`);
    if (sampled?.sample.has(delta.id) === true) kept.get(sampled)!.push({ seq, delta });
  }
  return kept;
}

/** Undefined when it is not what a worker would have written. */
function readableDelta(body: string): Delta | undefined {
  try {
    const delta = decodeDelta(body);
    const { segment, id, n, change, cause } = delta;
    const isDelta =
      typeof segment === "string" &&
      typeof id === "string" &&
      !/\p{Surrogate}/u.test(id) &&
      Number.isSafeInteger(n) &&
      (change === "joined" || change === "left") &&
      Number.isSafeInteger(cause?.seq);
    return isDelta ? delta : undefined;
  } catch {
    return undefined;
  }
}

function unreadable(partition: PartitionNo, error: unknown): Trouble {
  const text = (error instanceof Error ? error.message : String(error)).replace(`partition ${partition}: `, "");
  const remedy = "a restart of its worker would stop at the same place: see the line of its log in this list";
  return { kind: "not recomputed", verdict: "fail", partition, text: `it cannot be recomputed: ${text}`, remedy };
}

function holed({ partition }: PartitionFacts): Trouble {
  const text = "it is not recomputed, since its log has a hole";
  return { kind: "holed", verdict: "warn", partition, text, remedy: "see `gaps`" };
}

function unsaid(partition: PartitionNo): Trouble {
  const text =
    "its owner did not answer again, or got what it has to say not stored in ten seconds: what it holds is not compared";
  const remedy = "look at the worker's log and at the server's load, and run this again";
  return { kind: "unsaid", verdict: "warn", partition, text, remedy };
}

function sleep(delayMs: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, delayMs);
  });
}
