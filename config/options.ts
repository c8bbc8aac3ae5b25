// Every option, once: kind, default, unit, variable, and one line of why. load.ts reads them, show.ts prints them.
// A key is the property in Config; outside, where values carry their unit, the "Ms" is left out (`eventsMaxAge: 30d`).

import { isIP } from "node:net";
import type { HttpSettings } from "../lib/api/http/http-settings.ts";
import { JOB_SETTINGS_DEFAULT, type JobSettings } from "../lib/api/jobs/settings.ts";
import { DEFAULT_LIMITS, type Limits } from "../lib/core/types.ts";
import type { NatsSettings } from "../lib/nats/connect.ts";
import { namesOf } from "../lib/nats/names.ts";
import type { DataSetOptions } from "../lib/nats/provision.ts";
import { RETENTION_DEFAULT, type Retention } from "../lib/series/keeper.ts";
import { bytes, choice, count, duration, type Option, text, toggle } from "./values.ts";

const SECOND = 1_000;
const HOUR = 3_600_000;
const DAY = 86_400_000;
const KB = 1024;
const MB = 1024 * KB;

export const OPTIONS = {
  // The data set. The first three are fixed once it is made.
  name: text({
    default: "",
    why: "Prefix of all streams and subjects, so that several data sets share a server.",
    check: (value) => problemOf(() => namesOf(value)),
  }),
  partitions: count({
    default: 32,
    min: 1,
    max: 1024,
    why: "Logs that users are spread over; several times the shards that will ever run.",
  }),
  clock: choice({
    default: "log",
    of: ["log", "event"],
    why: "What moves time: the log's own stamps, or (files replayed as if live) the events' times.",
  }),
  clockStepMsMax: duration({
    default: 30 * DAY,
    min: SECOND,
    why: "Clock `event`: an event further ahead than this is rejected, so that one typo cannot end every window.",
  }),
  replicas: count({ default: 1, min: 1, max: 5, why: "Copies of every stream in a NATS cluster: 1, 3 or 5." }),
  eventsMaxAgeMs: duration({
    default: 0,
    why: "How long logs are kept; 0 is for ever. New rules see no further back than this.",
  }),
  rejectsMaxAgeMs: duration({ default: 30 * DAY, why: "How long refused messages are kept; 0 is for ever." }),
  repeatsKnownMs: duration({
    default: 120 * SECOND,
    // A reject that is sent again may be sent once more within a minute (lib/api/operations/rejects.ts).
    min: 120 * SECOND,
    max: DAY,
    why: "How long logs know a message that is sent again; the server holds each id in memory as long, about 200 bytes.",
  }),
  seriesMinutesKeptMs: duration({
    default: RETENTION_DEFAULT.minutesKeptMs,
    why: "How long minutes of a segment's time series are kept after their last change; 0 is for ever.",
  }),
  seriesHoursKeptMs: duration({
    default: RETENTION_DEFAULT.hoursKeptMs,
    why: "The same for hours; days are kept for ever.",
  }),
  jobsKeptMs: duration({
    default: JOB_SETTINGS_DEFAULT.keptMs,
    min: HOUR,
    why: "How long what is written down of an import or an export is kept after its last word.",
  }),
  jobsKeptMax: count({
    default: JOB_SETTINGS_DEFAULT.keptMax,
    min: 10,
    max: 5_000,
    unit: "jobs",
    why: "Of those that have ended, the newest so many are kept.",
  }),
  exportsKeptMs: duration({
    default: JOB_SETTINGS_DEFAULT.exportsKeptMs,
    min: SECOND,
    max: 30 * DAY,
    why: "How long what an export has made is kept; then it is overwritten. An erasure ends it at once.",
  }),
  exportBytesMax: bytes({
    default: JOB_SETTINGS_DEFAULT.exportBytesMax,
    min: KB,
    why: "What one export may make.",
  }),
  exportsAtOnceMax: count({
    default: JOB_SETTINGS_DEFAULT.exportsAtOnceMax,
    min: 1,
    max: 64,
    unit: "exports",
    why: "That one process makes at the same time; others wait.",
  }),
  provision: toggle({ default: true, why: "Make missing streams and buckets; off, they are only checked." }),

  // This machine.
  httpHost: text({
    default: "127.0.0.1",
    why: "Where HTTP listens; wider than loopback it needs keys (`rollcall keys create`).",
  }),
  httpPort: count({ default: 8080, max: 65_535, unit: "port", why: "Port of HTTP; 0 lets the system choose." }),
  httpOrigins: text({
    default: "",
    unit: "origins",
    why: "Other sites whose pages may call HTTP, with commas between: `https://shop.example`, or `*` for all.",
    check: (value) => problemOf(() => originsOf(value)),
  }),
  httpProxies: text({
    default: "",
    unit: "addresses",
    why: "Proxies in front, with commas between: `10.0.0.0/8, ::1`; the sender's address is what they say in X-Forwarded-For.",
    check: (value) => problemOf(() => proxiesOf(value)),
  }),
  httpBodyBytesMax: bytes({ default: 1 * MB, min: KB, max: 64 * MB, why: "Body of a request." }),
  httpFeedBytesMax: bytes({
    default: 16 * MB,
    min: KB,
    max: 256 * MB,
    why: "Body of a request that brings many at once: items, situations, lists, segments to apply, a vocabulary.",
  }),
  httpDepthMax: count({ default: 64, min: 4, max: 512, why: "Nesting of a request's JSON." }),
  httpTimeoutMs: duration({
    default: 30 * SECOND,
    min: SECOND,
    max: 10 * 60 * SECOND,
    why: "For a request to arrive, and for its answer to be there.",
  }),
  httpRequestsPerMinuteMax: count({
    default: 6_000,
    unit: "requests",
    why: "Of one key (of one address while there are none); 0 is no limit. Events and decisions do not count.",
  }),
  httpEventRequestsPerMinuteMax: count({
    default: 0,
    unit: "requests",
    why: "Requests of one key that send events or ask a decision; 0 is no limit.",
  }),
  httpFailuresPerMinuteMax: count({
    default: 600,
    unit: "requests",
    why: "Of one address, without a key that is known; then no body from there is read until the minute ends. 0 is no limit.",
  }),
  httpStreamsPerKeyMax: count({
    default: 50,
    min: 1,
    max: 500,
    unit: "streams",
    why: "Live streams that one key has open at the same time (one address while there are none).",
  }),
  httpBatchBytesMax: bytes({
    default: 8 * MB,
    min: MB,
    max: 64 * MB,
    why: "What the events of one batch may make together, with what it says once for all of them.",
  }),
  httpEventsWaitingMax: count({
    default: 10_000,
    min: 1,
    max: 1_000_000,
    unit: "events",
    why: "Events that wait at once for their log to store them; more are answered 429.",
  }),
  metricsSegmentsMax: count({
    default: 100,
    max: 10_000,
    unit: "segments",
    why: "Segments whose size `/metrics` tells, the first by id; 0 tells none.",
  }),
  httpTraitsShown: text({
    default: "",
    unit: "traits",
    why: "Traits, with commas between, whose values also keys without the right to personal data see: `plan,country`.",
  }),
  natsPort: count({ default: 4222, max: 65_535, unit: "port", why: "Port of the nats-server that `dev` runs." }),
  natsServer: text({
    default: "",
    unit: "path",
    why: "The nats-server binary to use, rather than the one found or fetched.",
  }),
  dataDir: text({
    default: ".rollcall",
    unit: "path",
    why: "Where `dev` keeps its nats-server's data, log and binary.",
  }),
  syncAlways: toggle({
    default: false,
    why: "The server of `dev` flushes every message to disk: survives a power cut, costs throughput.",
  }),
  demo: toggle({
    default: true,
    why: "`dev` brings two sample scenes, a shop and a product that companies use, with segments and traffic.",
  }),

  // The door: what is resolved and written into events before they are stored.
  placesFile: text({
    default: "",
    unit: "path",
    why: "Database of places by address (.mmdb, such as GeoLite2-City); none: the built-in one, of countries.",
  }),
  networksFile: text({
    default: "",
    unit: "path",
    why: "Database of networks by address (.mmdb, such as GeoLite2-ASN or GeoIP2-ISP); none: networks stay unknown.",
  }),
  keepIp: toggle({
    default: false,
    why: "Keep `context.ip` in events. It is personal data; off, it is left out of what is stored.",
  }),

  // The connection, under the names of the `nats` CLI.
  natsUrl: text({
    default: "",
    env: ["NATS_URL"],
    why: "The server to use; none: `dev` runs its own, others look for that one on `natsPort`.",
  }),
  natsCreds: text({ default: "", env: ["NATS_CREDS"], unit: "path", why: "Credentials file (JWT and seed)." }),
  natsNkey: text({ default: "", env: ["NATS_NKEY"], unit: "path", why: "File that holds an nkey seed." }),
  natsUser: text({ default: "", env: ["NATS_USER"], why: "User name." }),
  natsPassword: text({ default: "", env: ["NATS_PASSWORD"], secret: true, why: "Password of that user." }),
  natsToken: text({ default: "", env: ["NATS_TOKEN"], secret: true, why: "Token, where the server wants one." }),
  natsCa: text({
    default: "",
    env: ["NATS_CA"],
    unit: "path",
    why: "Certificate authority that signed the server's certificate.",
  }),
  natsCert: text({
    default: "",
    env: ["NATS_CERT"],
    unit: "path",
    why: "Our certificate, where the server wants one.",
  }),
  natsKey: text({ default: "", env: ["NATS_KEY"], unit: "path", why: "Private key of that certificate." }),
  natsInboxPrefix: text({
    default: "",
    env: ["NATS_INBOX_PREFIX"],
    why: "Where answers are heard; none: `_INBOX.` and worker, api or operator, as `rollcall nats-config --users` permits it.",
    check: (value) =>
      /^(_INBOX(\.[A-Za-z0-9_-]+)+)?$/.test(value) ? undefined : "begins with _INBOX. and holds no * or >",
  }),

  // The worker.
  shards: count({
    default: 1,
    min: 1,
    max: 256,
    why: "Threads that partitions are spread over; at most one a core pays.",
  }),
  pageBytesMax: bytes({ default: 64 * KB, min: 4 * KB, max: 4 * MB, why: "A page of users is split beyond this." }),
  pageCacheBytes: bytes({
    default: 256 * MB,
    min: 0,
    why: "Memory for pages, a shard; works with one page, only slower.",
  }),
  checkpointIntervalMs: duration({
    default: 10 * SECOND,
    min: 100,
    why: "How often changed pages are stored; a shorter interval is a shorter replay.",
  }),
  auditIntervalMs: duration({
    default: 60 * 60 * SECOND,
    min: 0,
    why: "About how often each partition recomputes one person from its log and compares; 0 is never.",
  }),
  erasureHoldMs: duration({
    default: 24 * 60 * 60 * SECOND,
    min: 0,
    why: "Deltas of somebody erased are kept so long, for services that were away to hear of it.",
  }),
  checkpointSliceMsMax: duration({
    default: 2,
    min: 1,
    max: SECOND,
    why: "A checkpoint works so long at a time between events.",
  }),
  watermarkDelayMs: duration({
    default: 250,
    min: 1,
    max: 60 * SECOND,
    why: "How long after a single delta the position is said.",
  }),
  linksUnsentMax: count({
    default: 10_000,
    min: 1,
    max: 1_000_000,
    unit: "messages",
    why: "Of one partition to others, not stored yet; beyond it no event is taken.",
  }),
  batchMax: count({
    default: 900,
    min: 1,
    max: 999,
    unit: "deltas",
    why: "Deltas in one atomic batch; the server takes 1,000 with the watermark.",
  }),
  inFlightMessagesMax: count({
    default: 1_000,
    min: 1,
    max: 100_000,
    unit: "messages",
    why: "Messages pulled ahead, a partition.",
  }),
  inFlightBytesMax: bytes({
    default: 16 * MB,
    min: 64 * KB,
    why: "Bytes pulled ahead, a partition; a message on its way counts as `limits.eventBytesMax`.",
  }),
  heartbeatIntervalMs: duration({ default: 500, min: 50, why: "How often a worker says that it is alive." }),
  heartbeatExpiryMs: duration({
    default: 2 * SECOND,
    min: SECOND,
    why: "After so much silence others try to take its partitions.",
  }),

  // What is told.
  logLevel: choice({
    default: "info",
    of: ["fatal", "error", "warn", "info", "debug", "trace", "silent"],
    env: ["ROLLCALL_LOG_LEVEL", "LOG_LEVEL"],
    why: "How much is logged.",
  }),
  logPersonalData: toggle({ default: false, why: "Log member ids and traits in the clear; off, they are left out." }),
} as const;

/** Refusals name these limits; changing one changes what future messages and definitions may hold. */
export const LIMIT_OPTIONS: { readonly [K in keyof Limits]: Option<number> } = {
  eventBytesMax: bytes({ default: DEFAULT_LIMITS.eventBytesMax, min: KB, max: 8 * MB, why: "Size of an event." }),
  jsonDepthMax: count({ default: DEFAULT_LIMITS.jsonDepthMax, min: 4, max: 128, why: "Nesting of an event's JSON." }),
  idBytesMax: bytes({ default: DEFAULT_LIMITS.idBytesMax, min: 16, max: 4 * KB, why: "Length of a member's id." }),
  traitsMax: count({ default: DEFAULT_LIMITS.traitsMax, min: 1, why: "Traits of one member." }),
  cartLinesMax: count({ default: DEFAULT_LIMITS.cartLinesMax, min: 1, why: "Lines of one cart." }),
  ordersChangeableMax: count({
    default: DEFAULT_LIMITS.ordersChangeableMax,
    min: 1,
    why: "Newest orders that can still change.",
  }),
  visitsChangeableMax: count({
    default: DEFAULT_LIMITS.visitsChangeableMax,
    min: 1,
    why: "Newest visits that can still change.",
  }),
  distinctValuesMax: count({
    default: DEFAULT_LIMITS.distinctValuesMax,
    min: 1,
    why: "Different values of one counter.",
  }),
  objectsMax: count({
    default: DEFAULT_LIMITS.objectsMax,
    min: 1,
    why: "Objects of one type that a person owns.",
  }),
  itemsMax: count({
    default: DEFAULT_LIMITS.itemsMax,
    min: 1,
    why: "Items of one catalog type and person, for favourites.",
  }),
  sequenceStepsMax: count({ default: DEFAULT_LIMITS.sequenceStepsMax, min: 2, why: "Steps of one sequence." }),
  ruleNodesMax: count({ default: DEFAULT_LIMITS.ruleNodesMax, min: 1, why: "Rules in one segment." }),
  ruleDepthMax: count({
    default: DEFAULT_LIMITS.ruleDepthMax,
    min: 1,
    max: 64,
    why: "Nesting of rules in one segment.",
  }),
  nestingMax: count({
    default: DEFAULT_LIMITS.nestingMax,
    min: 1,
    max: 64,
    why: "Segments that name segments, how deep.",
  }),
  windowMsMax: duration({ default: DEFAULT_LIMITS.windowMsMax, min: SECOND, why: "Longest window." }),
  listValuesMax: count({ default: DEFAULT_LIMITS.listValuesMax, min: 1, why: "Values in one list of a test." }),
  nameLengthMax: count({ default: DEFAULT_LIMITS.nameLengthMax, min: 1, unit: "characters", why: "Length of a name." }),
  textLengthMax: count({
    default: DEFAULT_LIMITS.textLengthMax,
    min: 1,
    unit: "characters",
    why: "Length of a text in a rule.",
  }),
};

type ValueOf<O> = O extends Option<infer T> ? T : never;

export type Config = { readonly [K in keyof typeof OPTIONS]: ValueOf<(typeof OPTIONS)[K]> } & {
  readonly limits: Limits;
};

/** An option with its names: `eventsMaxAge` in the file, `--events-max-age`, `ROLLCALL_EVENTS_MAX_AGE`. */
export interface NamedOption {
  readonly key: string;
  readonly inLimits: boolean;
  readonly name: string;
  readonly flag: string;
  readonly env: readonly string[];
  readonly option: Option<unknown>;
}

export const NAMED_OPTIONS: readonly NamedOption[] = [
  ...Object.entries(OPTIONS).map(([key, option]) => named(key, option as Option<unknown>, false)),
  ...Object.entries(LIMIT_OPTIONS).map(([key, option]) => named(key, option as Option<unknown>, true)),
];

function named(key: string, option: Option<unknown>, inLimits: boolean): NamedOption {
  const short = key.replace(/Ms(?=[A-Z]|$)/, "");
  const snake = short.replaceAll(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase();
  const derived = `ROLLCALL_${inLimits ? "LIMITS_" : ""}${snake}`;
  return {
    key,
    inLimits,
    name: inLimits ? `limits.${short}` : short,
    flag: `--${inLimits ? "limits-" : ""}${snake.toLowerCase().replaceAll("_", "-")}`,
    env: option.env.length > 0 ? option.env : [derived],
    option,
  };
}

/** What lib/nats/connect needs. Without an address it is the server that `dev` runs on this machine. */
export function natsSettingsOf(config: Config): NatsSettings {
  const given = (value: string): string | undefined => (value === "" ? undefined : value);
  return {
    url: given(config.natsUrl) ?? `nats://127.0.0.1:${config.natsPort}`,
    creds: given(config.natsCreds),
    nkey: given(config.natsNkey),
    user: given(config.natsUser),
    password: given(config.natsPassword),
    token: given(config.natsToken),
    ca: given(config.natsCa),
    cert: given(config.natsCert),
    key: given(config.natsKey),
    inboxPrefix: given(config.natsInboxPrefix),
  };
}

/** What lib/nats/provision needs. */
export function dataSetOf(config: Config): DataSetOptions {
  const { name, partitions, replicas, clock, eventsMaxAgeMs, rejectsMaxAgeMs, repeatsKnownMs } = config;
  return { name, partitions, replicas, clock, eventsMaxAgeMs, rejectsMaxAgeMs, repeatsKnownMs };
}

/** What lib/series/keeper.ts needs. */
export function retentionOf({ seriesMinutesKeptMs, seriesHoursKeptMs }: Config): Retention {
  return { minutesKeptMs: seriesMinutesKeptMs, hoursKeptMs: seriesHoursKeptMs };
}

/** What lib/api/jobs needs. */
export function jobSettingsOf(config: Config): JobSettings {
  return {
    keptMs: config.jobsKeptMs,
    keptMax: config.jobsKeptMax,
    exportsKeptMs: config.exportsKeptMs,
    exportBytesMax: config.exportBytesMax,
    exportsAtOnceMax: config.exportsAtOnceMax,
    sayEveryMs: JOB_SETTINGS_DEFAULT.sayEveryMs,
  };
}

/** What lib/api/http/server.ts needs. */
export function httpSettingsOf(config: Config): HttpSettings {
  return {
    bodyBytesMax: config.httpBodyBytesMax,
    feedBytesMax: config.httpFeedBytesMax,
    depthMax: config.httpDepthMax,
    timeoutMs: config.httpTimeoutMs,
    requestsPerMinuteMax: config.httpRequestsPerMinuteMax,
    eventRequestsPerMinuteMax: config.httpEventRequestsPerMinuteMax,
    failuresPerMinuteMax: config.httpFailuresPerMinuteMax,
    streamsPerKeyMax: config.httpStreamsPerKeyMax,
    metricsSegmentsMax: config.metricsSegmentsMax,
    batchBytesMax: config.httpBatchBytesMax,
    repeatsKnownMs: config.repeatsKnownMs,
    eventsWaitingMax: config.httpEventsWaitingMax,
    origins: originsOf(config.httpOrigins),
    proxies: proxiesOf(config.httpProxies),
    traitsShown: wordsOf(config.httpTraitsShown),
  };
}

function wordsOf(text: string): readonly string[] {
  return text
    .split(",")
    .map((word) => word.trim())
    .filter((word) => word !== "");
}

/** An origin is a scheme, a host and perhaps a port, as browsers write it. */
function originsOf(text: string): readonly string[] {
  return wordsOf(text).map((word) => {
    if (word === "*" || (URL.canParse(word) && new URL(word).origin === word)) return word;
    throw new RangeError(`"${word}" is no origin; write it as browsers do, such as https://shop.example, or *`);
  });
}

/** Addresses, and nets by their leading bits. */
function proxiesOf(text: string): readonly string[] {
  return wordsOf(text).map((word) => {
    const [, address = "", bits] = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(word) ?? [];
    const family = isIP(address);
    if (family !== 0 && Number(bits ?? 0) <= (family === 4 ? 32 : 128)) return word;
    throw new RangeError(`"${word}" is neither an address nor a net; write it as 10.0.0.7 or 10.0.0.0/8`);
  });
}

function problemOf(attempt: () => unknown): string | undefined {
  try {
    attempt();
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}
