// Makes the streams and buckets of a data set, once, and proves at every start that what is there is what is configured:
// every setting the laws stand on, the number of partitions, and that the server's mapping leads into the right logs.
// Runs before anything else in lib/nats touches a stream.
import { JetStreamApiError, type JetStreamManager, jetstreamManager, type StreamConfig } from "@nats-io/jetstream";
import { headers, type NatsConnection, NoRespondersError, RequestError } from "@nats-io/transport-node";
import { partitionOf } from "../core/ids.ts";
import { mappings } from "../server/conf.ts";
import { type Names, namesOf } from "./names.ts";

const NANOS_PER_MS = 1_000_000;
/** What streams made by this version of the program look like. */
const SCHEMA = "1";
const META = {
  schema: "rollcall-schema",
  partitions: "rollcall-partitions",
  clock: "rollcall-clock",
  state: "rollcall-state",
};

const STREAM_NOT_FOUND = 10059;
const STREAM_NAME_IN_USE = 10058;

export interface DataSetOptions {
  /** Prefix of all names; "" for none. */
  readonly name: string;
  readonly partitions: number;
  readonly replicas: number;
  readonly clock: "log" | "event";
  /** Age limit of the logs; 0 keeps them for ever. */
  readonly eventsMaxAgeMs: number;
  /** Age limit of what was refused; 0 keeps it for ever. */
  readonly rejectsMaxAgeMs: number;
  /** How long logs know a message that is sent again. */
  readonly repeatsKnownMs: number;
}

export interface ProvisionReport {
  readonly created: readonly string[];
  readonly found: readonly string[];
  /** Partitions that the mapping was proved to lead into. */
  readonly probed: number;
}

/** One setting that is not as it must be. */
export interface Difference {
  readonly stream: string;
  readonly setting: string;
  readonly found: string;
  readonly wanted: string;
}

export class ProvisionMismatch extends Error {
  override readonly name = "ProvisionMismatch";
  readonly differences: readonly Difference[];
  constructor(message: string, differences: readonly Difference[]) {
    super(message);
    this.differences = differences;
  }
}

export class MappingMissing extends Error {
  override readonly name = "MappingMissing";
}

/** Longer than any export may be kept (config/options.ts). */
const EXPORTS_LEFT_ALONE_MS = 31 * 86_400_000;
const ORIGIN_TIMEOUT_MS = 5_000;
const WRONG_LAST_SEQUENCE = 10_071;

type Wanted = Partial<StreamConfig> & Pick<StreamConfig, "name" | "subjects">;

/**
 * Creates what is missing (or, without `create`, says what is), refuses what differs, probes the mapping. Idempotent;
 * several workers may do it at once.
 */
export async function provision(
  nc: NatsConnection,
  options: DataSetOptions,
  { create }: { readonly create: boolean },
): Promise<ProvisionReport> {
  const names = namesOf(options.name);
  const jsm = await jetstreamManager(nc, { checkAPI: false });
  const [definitions, ...others] = wantedStreams(names, options);
  const existing = await existingStreams(jsm, [definitions!, ...others]);
  assertSameDataSet(options, names, existing);
  assertNothingLost(names, existing);
  assertSettings(options, [definitions!, ...others], existing);

  const missing = [definitions!, ...others].filter(({ name }) => !existing.has(name));
  if (missing.length > 0 && !create) throw new ProvisionMismatch(absent(missing), []);
  // The control log first: it carries the number of partitions, so two workers that disagree meet there.
  if (missing.includes(definitions!)) {
    await createStream(jsm, definitions!);
    assertSameDataSet(options, names, await existingStreams(jsm, [definitions!]));
  }
  await Promise.all(missing.filter((wanted) => wanted !== definitions).map((stream) => createStream(jsm, stream)));
  if (missing.length > 0) {
    await assertCreated(jsm, options, names);
    await markOrigin(nc, names);
    await markComplete(jsm, definitions!);
  }
  await assertMapped(nc, options);
  return { created: missing.map(({ name }) => name), found: [...existing.keys()], probed: options.partitions };
}

/**
 * The first message of SEGMENTS, which is never replaced. Watermarks replace each other, so without it the stream's
 * first sequence would climb although nothing was trimmed; with it, a first sequence above 1 means that somebody purged.
 */
async function markOrigin(nc: NatsConnection, names: Names): Promise<void> {
  const mh = headers();
  mh.set("Nats-Expected-Stream", names.segmentsStream);
  mh.set("Nats-Expected-Last-Sequence", "0");
  mh.set("Nats-TTL", "never");
  const reply = await nc.request(names.originSubject, "{}", { headers: mh, timeout: ORIGIN_TIMEOUT_MS });
  const { error } = reply.json<{ readonly error?: { readonly err_code: number; readonly description: string } }>();
  // Another worker was first, or the stream has been in use before.
  if (error !== undefined && error.err_code !== WRONG_LAST_SEQUENCE) {
    throw new Error(`${names.segmentsStream} did not take its first message: ${error.description}`);
  }
}

/** The control log first; what every stream must look like, and no more than that. */
export function wantedStreams(names: Names, options: DataSetOptions): Wanted[] {
  const logs = Array.from({ length: options.partitions }, (_, p) => eventsStream(names, p, options));
  const all = [definitionsStream(names, options), segmentsStream(names), rejectsStream(names, options), ...logs];
  const buckets = [
    checkpointBucket(names),
    clusterBucket(names),
    keysBucket(names),
    seriesBucket(names),
    jobsBucket(names),
  ];
  return [...all, auditStream(names), erasedStream(names), exportsStream(names), ...buckets].map((stream) => ({
    ...stream,
    num_replicas: options.replicas,
  }));
}

/**
 * A partition's log. Roll-ups, schedules and message TTLs stay off: they would let whoever may publish an event remove or
 * write history. Deleting stays possible, because erasure must be. Discard "new": should somebody set a size limit,
 * channels are refused, rather than history lost in silence.
 */
function eventsStream(names: Names, p: number, { eventsMaxAgeMs, repeatsKnownMs }: DataSetOptions): Wanted {
  return {
    ...KEPT,
    name: names.eventsStream(p),
    subjects: [names.logWildcard(p)],
    max_age: eventsMaxAgeMs * NANOS_PER_MS,
    duplicate_window: repeatsKnownMs * NANOS_PER_MS,
    allow_rollup_hdrs: false,
    allow_msg_ttl: false,
    allow_atomic: true,
  };
}

/**
 * Deltas come in on delta.*.* and are stored as segment.*.*, which the stream does not listen on: only the stream speaks
 * there, by republishing what it has stored. A refused delta is therefore never heard. Message ids are not relied on; the
 * shortest window keeps them from hiding a fault.
 */
function segmentsStream(names: Names): Wanted {
  const [from, to] = [names.deltaSubject("*", "*"), names.segmentSubject("*", "*")];
  const transformed = names.segmentSubject("{{wildcard(1)}}", "{{wildcard(2)}}" as "*");
  return {
    ...KEPT,
    name: names.segmentsStream,
    subjects: [from, names.watermarkSubject("*")],
    subject_transform: { src: from, dest: transformed },
    republish: { src: to, dest: transformed },
    duplicate_window: 100 * NANOS_PER_MS,
    allow_rollup_hdrs: true,
    allow_msg_ttl: true,
    allow_atomic: true,
  };
}

function rejectsStream(names: Names, { rejectsMaxAgeMs }: DataSetOptions): Wanted {
  return {
    ...KEPT,
    name: names.rejectsStream,
    subjects: [names.rejectedSubject("*")],
    max_age: rejectsMaxAgeMs * NANOS_PER_MS,
    allow_rollup_hdrs: false,
    allow_atomic: true,
  };
}

/** Who changed what: nothing in it may be removed or replaced, which is why no personal data may stand in it. */
function auditStream(names: Names): Wanted {
  return {
    ...KEPT,
    name: names.auditStream,
    subjects: [names.auditSubject("*.*")],
    allow_rollup_hdrs: false,
    deny_delete: true,
    deny_purge: true,
  };
}

/**
 * Which messages of the logs were erased, and what stands in for them: without it their holes are damage. Only what stands there
 * in other words goes, when it names somebody who was erased later.
 */
function erasedStream(names: Names): Wanted {
  return {
    ...KEPT,
    name: names.erasedStream,
    subjects: [names.erasedSubject("*", ">")],
    allow_rollup_hdrs: false,
    deny_purge: true,
  };
}

/**
 * What exports have made, in pieces. Whoever serves HTTP takes them away in time and overwrites them, which an age limit of the
 * server does not; the one here is for a data set that nobody serves any more.
 */
function exportsStream(names: Names): Wanted {
  return {
    ...KEPT,
    name: names.exportsStream,
    subjects: [names.exportSubject("*", "*")],
    max_age: EXPORTS_LEFT_ALONE_MS * NANOS_PER_MS,
    allow_rollup_hdrs: false,
  };
}

/** The control log. Its metadata says what the data set was made as. */
function definitionsStream(names: Names, { partitions, clock }: DataSetOptions): Wanted {
  return {
    ...KEPT,
    name: names.definitionsStream,
    subjects: [names.definitionsSubject],
    allow_rollup_hdrs: false,
    allow_atomic: true,
    metadata: { [META.schema]: SCHEMA, [META.partitions]: String(partitions), [META.clock]: clock },
  };
}

/** Page keys are immutable and the manifest counts its own generations, so one value a key is enough. */
function checkpointBucket(names: Names): Wanted {
  // Pages are people: one that nobody names any more is overwritten, so deleting must be possible. A bucket of an older version
  // does not allow it, and never will; there they are purged.
  const { deny_delete: _, ...open } = bucket(names.checkpointBucket, { allow_atomic: true });
  return open;
}

/** Heartbeats carry their own TTL; the server marks what expired, so watchers need no clock. */
function clusterBucket(names: Names): Wanted {
  return bucket(names.clusterBucket, { allow_msg_ttl: true, subject_delete_marker_ttl: 60_000 * NANOS_PER_MS });
}

/** Keys of the HTTP interface, by their id. A revoked one stays: that there was a key is what keeps the door closed. */
function keysBucket(names: Names): Wanted {
  return bucket(names.keysBucket, { allow_rollup_hdrs: false, deny_purge: true });
}

/** Time series of segments. What is fine ends by itself (TTL), and a batch writes chunks and position together. */
function seriesBucket(names: Names): Wanted {
  return bucket(names.seriesBucket, { allow_atomic: true, allow_msg_ttl: true });
}

/** Jobs and the heartbeats of those who run them, which end by themselves. */
function jobsBucket(names: Names): Wanted {
  return bucket(names.jobsBucket, { allow_msg_ttl: true });
}

/** A key-value bucket is a stream of this form; `@nats-io/kv` opens it. */
function bucket(name: string, more: Partial<StreamConfig>): Wanted {
  return {
    name: `KV_${name}`,
    subjects: [`$KV.${name}.>`],
    retention: "limits",
    storage: "file",
    discard: "new",
    max_msgs_per_subject: 1,
    allow_rollup_hdrs: true,
    deny_delete: true,
    deny_purge: false,
    allow_direct: true,
    ...more,
  };
}

const KEPT = {
  retention: "limits",
  storage: "file",
  compression: "s2",
  discard: "new",
  max_age: 0,
  allow_direct: true,
  deny_delete: false,
  deny_purge: false,
} as const;

type Existing = ReadonlyMap<string, StreamConfig>;

async function existingStreams(jsm: JetStreamManager, wanted: readonly Wanted[]): Promise<Existing> {
  const infos = await Promise.all(
    wanted.map(({ name }) =>
      jsm.streams.info(name).catch((error: unknown) => {
        if (error instanceof JetStreamApiError && error.code === STREAM_NOT_FOUND) return undefined;
        throw new Error(`provisioning: no answer about stream ${name}: ${(error as Error).message}`, { cause: error });
      }),
    ),
  );
  return new Map(infos.filter((info) => info !== undefined).map(({ config }) => [config.name, config]));
}

/** What cannot be changed once there is data comes first, with its own words. */
function assertSameDataSet(options: DataSetOptions, names: Names, existing: Existing): void {
  const metadata = existing.get(names.definitionsStream)?.metadata;
  if (metadata === undefined) return;
  const checks = [
    [META.schema, SCHEMA, "Run the version of Rollcall that made it, or a newer one that says it can read it."],
    [
      META.partitions,
      String(options.partitions),
      "Partitions are fixed at creation: set ROLLCALL_PARTITIONS to what was found.",
    ],
    [META.clock, options.clock, "The clock is fixed at creation: set ROLLCALL_CLOCK to what was found."],
  ] as const;
  for (const [key, wanted, remedy] of checks) {
    const found = metadata[key] ?? "missing";
    if (found === wanted) continue;
    const what = key.replace("rollcall-", "");
    const which = options.name === "" ? "This data set" : `Data set "${options.name}"`;
    throw new ProvisionMismatch(
      `${which} was made with ${what} ${found}, but the configuration says ${wanted}. ${remedy} ` +
        "For a data set beside it, set ROLLCALL_NAME.",
      [{ stream: names.definitionsStream, setting: what, found, wanted }],
    );
  }
}

/**
 * Once all was there, a missing log is lost data, and making an empty one would hide that. Checkpoints are a short cut,
 * heartbeats and rejects are news, and data sets made before there were keys, an audit log, time series, a ledger of
 * erasures and jobs get them at their next start: those may be made again.
 */
function assertNothingLost(names: Names, existing: Existing): void {
  const definitions = existing.get(names.definitionsStream);
  const partitions = Number(definitions?.metadata?.[META.partitions] ?? 0);
  const logs = Array.from({ length: partitions }, (_, p) => names.eventsStream(p));
  if (definitions?.metadata?.[META.state] === "complete") {
    const lost = [names.segmentsStream, ...logs].filter((name) => !existing.has(name));
    if (lost.length > 0) throw new ProvisionMismatch(gone(lost), []);
  }
  const first = [names.segmentsStream, names.eventsStream(0)].find((name) => existing.has(name));
  if (definitions === undefined && first !== undefined)
    throw new ProvisionMismatch(gone([names.definitionsStream]), []);
}

function gone(streams: readonly string[]): string {
  return (
    `${streams.join(", ")} of this data set ${streams.length === 1 ? "is" : "are"} gone, while the rest is there: deleted, or ` +
    "damaged so that the server could not load it (its log says so then). Restore from a backup; or, to begin anew, delete every stream of the data set or set ROLLCALL_NAME to a new one."
  );
}

function absent(streams: readonly Wanted[]): string {
  const names = streams.map(({ name }) => name);
  const shown = names.length > 6 ? `${names.slice(0, 6).join(", ")} and ${names.length - 6} more` : names.join(", ");
  return `Missing: ${shown}. They are made by a worker that may create streams (ROLLCALL_PROVISION=true).`;
}

function assertSettings(options: DataSetOptions, wanted: readonly Wanted[], existing: Existing): void {
  const differences = wanted.flatMap((stream) => {
    const found = existing.get(stream.name);
    return found === undefined ? [] : differencesOf(stream, found);
  });
  if (differences.length === 0) return;
  const lines = differences.map(
    ({ stream, setting, found, wanted: want }) => `  ${stream}  ${setting}: found ${found}, wanted ${want}`,
  );
  const shown = lines.length > 20 ? [...lines.slice(0, 20), `  … and ${lines.length - 20} more`] : lines;
  throw new ProvisionMismatch(
    `Streams are not as Rollcall needs them:\n${shown.join("\n")}\n${remedyFor(differences, options)}`,
    differences,
  );
}

/** Three settings are the operator's choice, so the configuration may be what is wrong. */
function remedyFor(differences: readonly Difference[], options: DataSetOptions): string {
  const settings = new Set(differences.map(({ setting }) => setting));
  const hints = [
    ...(settings.has("num_replicas") ? [`ROLLCALL_REPLICAS says ${options.replicas}`] : []),
    ...(settings.has("duplicate_window") ? ["ROLLCALL_REPEATS_KNOWN says how long logs know a repeat"] : []),
    ...(settings.has("max_age") ? ["ROLLCALL_EVENTS_MAX_AGE and ROLLCALL_REJECTS_MAX_AGE say how long to keep"] : []),
  ];
  const edit = "Change the streams (`nats stream edit`)";
  return hints.length === 0 ? `${edit}.` : `${edit}, or the configuration: ${hints.join("; ")}.`;
}

/** Only what we asked for is compared; the server adds settings of its own, and leaves out what is false or nothing. */
export function differencesOf(wanted: Wanted, found: StreamConfig): Difference[] {
  const differences: Difference[] = [];
  for (const [setting, want] of Object.entries(wanted)) {
    if (setting === "metadata") continue;
    const have = (found as unknown as Record<string, unknown>)[setting];
    if (canonical(have) === canonical(want)) continue;
    differences.push({ stream: wanted.name, setting, found: shown(have), wanted: shown(want) });
  }
  return differences;
}

function canonical(value: unknown): string {
  if (value === undefined || value === false || value === 0) return "off";
  if (Array.isArray(value)) return JSON.stringify([...value].sort());
  if (typeof value === "object" && value !== null) return JSON.stringify(Object.entries(value).sort());
  return JSON.stringify(value);
}

function shown(value: unknown): string {
  return value === undefined ? "nothing" : typeof value === "string" ? value : JSON.stringify(value);
}

async function createStream(jsm: JetStreamManager, wanted: Wanted): Promise<void> {
  try {
    await jsm.streams.add(wanted);
  } catch (error) {
    // Another worker was quicker, with other settings or newer metadata: what it made is compared afterwards.
    if (error instanceof JetStreamApiError && error.code === STREAM_NAME_IN_USE) return;
    throw new Error(`provisioning: stream ${wanted.name} could not be made: ${(error as Error).message}`, {
      cause: error,
    });
  }
}

/** Whoever made them, and at the same time with whatever settings: what is there now must be what we want. */
async function assertCreated(jsm: JetStreamManager, options: DataSetOptions, names: Names): Promise<void> {
  const wanted = wantedStreams(names, options);
  const existing = await existingStreams(jsm, wanted);
  assertSameDataSet(options, names, existing);
  assertSettings(options, wanted, existing);
}

async function markComplete(jsm: JetStreamManager, definitions: Wanted): Promise<void> {
  const metadata = { ...definitions.metadata, [META.state]: "complete" };
  await jsm.streams.update(definitions.name, { ...definitions, metadata });
}

/** Where a probe came out: a stream's name, or "nowhere". */
interface Landing {
  readonly subject: string;
  readonly partition: number;
  readonly landed: string;
}

/**
 * For users and for accounts one probe a partition, published the way a channel does but with the condition that the stream be
 * called otherwise. The refusal names the stream that the message came to, and nothing is stored: nobody made up enters a log.
 */
function probeMapping(nc: NatsConnection, options: DataSetOptions): Promise<Landing[]> {
  const names = namesOf(options.name);
  const subjects = probeTokens(options.partitions).flatMap((token, partition) =>
    [names.eventSubject(token), names.accountSubject(token)].map((subject) => ({ subject, partition })),
  );
  return Promise.all(subjects.map(async (probe) => ({ ...probe, landed: await land(nc, probe.subject) })));
}

async function assertMapped(nc: NatsConnection, options: DataSetOptions): Promise<void> {
  const names = namesOf(options.name);
  const astray = (await probeMapping(nc, options)).filter(
    ({ partition, landed }) => landed !== names.eventsStream(partition),
  );
  const first = astray[0];
  if (first === undefined) return;
  const wrong = new Set(astray.map(({ partition }) => partition)).size;
  throw new MappingMissing(
    `The server does not lead messages into their logs: ${first.subject} came out at ${first.landed} ` +
      `instead of ${names.eventsStream(first.partition)} (${wrong} of ${options.partitions} partitions are wrong). ` +
      `Add these lines to nats.conf, or to the account that Rollcall uses, and reload the server:\n${mappings(options)}`,
  );
}

/** For every partition one token that hashes to it. */
function probeTokens(partitions: number): string[] {
  const tokens: string[] = [];
  for (let index = 0, open = partitions; open > 0; index += 1) {
    const token = `rollcall-probe-${index}`;
    const partition = partitionOf(token, partitions);
    if (tokens[partition] !== undefined) continue;
    tokens[partition] = token;
    open -= 1;
  }
  return tokens;
}

async function land(nc: NatsConnection, subject: string): Promise<string> {
  const condition = headers();
  condition.set("Nats-Expected-Stream", "rollcall-probe");
  try {
    const answer = await nc.request(subject, undefined, { headers: condition, timeout: 5_000 });
    return answer.json<{ stream?: string }>().stream ?? "something that is no stream";
  } catch (error) {
    if (error instanceof NoRespondersError) return "nowhere";
    if (error instanceof RequestError && error.isNoResponders()) return "nowhere";
    throw error;
  }
}
