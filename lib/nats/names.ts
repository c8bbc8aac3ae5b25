// The name of every stream, bucket and subject, for one data set. Nothing else in the project spells a name out.
// Stands below all of lib/nats: connect, provision and the adapters ask here.
import type { LogKind, PartitionNo, RejectReason, SegmentId } from "../core/types.ts";
import type { OF_CONTROL_LOG } from "../ports/erasing.ts";

export type Change = "joined" | "left";

export interface Names {
  /** The data set's prefix as configured, "" when there is none. */
  readonly name: string;

  readonly segmentsStream: string;
  readonly rejectsStream: string;
  readonly definitionsStream: string;
  readonly checkpointBucket: string;
  readonly clusterBucket: string;
  readonly keysBucket: string;
  readonly auditStream: string;
  readonly seriesBucket: string;
  readonly erasedStream: string;
  readonly jobsBucket: string;
  readonly exportsStream: string;
  /** The one subject of the control log. */
  readonly definitionsSubject: string;

  /** The stream that is partition p's log. */
  eventsStream(p: PartitionNo): string;

  /** Where a channel publishes; `token` is encodeId(id), or "*" in the server's mapping. */
  eventSubject(token: string): string;
  accountSubject(token: string): string;
  /** Where a message of that kind lands in partition p's log. */
  logSubject(p: PartitionNo | string, kind: Exclude<LogKind, "link">): string;
  /** Partition p's log, as said to by partition `from`. */
  linkSubject(p: PartitionNo | "*", from: PartitionNo | "*"): string;
  /** All of partition p's log. */
  logWildcard(p: PartitionNo | "*"): string;
  /** The kind of a log message, from its subject; undefined when it is none of ours. */
  logKindOf(subject: string): LogKind | undefined;

  /** Where the owner publishes a delta; the stream stores it as `segmentSubject` of the same. */
  deltaSubject(id: SegmentId | "*", change: Change | "*"): string;
  /** Where a stored delta is heard. */
  segmentSubject(id: SegmentId | "*", change: Change | "*"): string;
  /** All stored deltas, as listeners subscribe to them. */
  readonly segmentSubjects: string;
  watermarkSubject(p: PartitionNo | "*"): string;
  /** Of the one message that opens SEGMENTS and is never replaced. */
  readonly originSubject: string;
  rejectedSubject(reason: RejectReason | "*"): string;
  /** `what` is area.verb, or "*.*". */
  auditSubject(what: string): string;
  /** What the ledger of erasures says of partition p's log, or of the control log; `name` is one of its own, or ">". */
  erasedSubject(of: PartitionNo | typeof OF_CONTROL_LOG | "*", name: string): string;
  /** One piece of what an export made; both may be "*". */
  exportSubject(id: string, index: string): string;
  /** Questions to the owner of partition p. */
  askSubject(p: PartitionNo | "*"): string;
  /** Questions to whichever API process is free, as an endpoint of a NATS service; ">" is all of them. */
  serviceSubject(endpoint: string): string;
  /** Under which `nats micro ls` shows it. */
  readonly serviceName: string;
}

const LEGAL_NAME = /^[A-Za-z0-9][A-Za-z0-9-]{0,31}$/;
const LOG_KINDS: ReadonlySet<string> = new Set(["event", "account", "control", "clock", "ready", "link"]);

/** Names of the data set `name`; the empty name means no prefix. */
export function namesOf(name = ""): Names {
  assertLegal(name);
  const stream = (base: string): string => (name === "" ? base : `${name}_${base}`);
  const root = name === "" ? "" : `${name}.`;
  const kindToken = root === "" ? 2 : 3;
  return {
    name,
    segmentsStream: stream("SEGMENTS"),
    rejectsStream: stream("REJECTS"),
    definitionsStream: stream("DEFINITIONS"),
    checkpointBucket: stream("CHECKPOINT"),
    clusterBucket: stream("CLUSTER"),
    keysBucket: stream("KEYS"),
    auditStream: stream("AUDIT"),
    seriesBucket: stream("SERIES"),
    erasedStream: stream("ERASED"),
    jobsBucket: stream("JOBS"),
    exportsStream: stream("EXPORTS"),
    definitionsSubject: `${root}definitions`,
    eventsStream: (p) => stream(`EVENTS_${p}`),
    eventSubject: (token) => `${root}events.${token}`,
    accountSubject: (token) => `${root}accounts.${token}`,
    logSubject: (p, kind) => `${root}log.${p}.${kind}`,
    linkSubject: (p, from) => `${root}log.${p}.link.${from}`,
    logWildcard: (p) => `${root}log.${p}.>`,
    logKindOf: (subject) => {
      const token = subject.split(".", kindToken + 1)[kindToken];
      return token !== undefined && LOG_KINDS.has(token) ? (token as LogKind) : undefined;
    },
    deltaSubject: (id, change) => `${root}delta.${id}.${change}`,
    segmentSubject: (id, change) => `${root}segment.${id}.${change}`,
    segmentSubjects: `${root}segment.>`,
    watermarkSubject: (p) => `${root}watermark.${p}`,
    originSubject: `${root}watermark.origin`,
    rejectedSubject: (reason) => `${root}rejected.${reason}`,
    auditSubject: (what) => `${root}audit.${what}`,
    erasedSubject: (of, name) => `${root}erased.${of}.${name}`,
    exportSubject: (id, index) => `${root}exports.${id}.${index}`,
    askSubject: (p) => `${root}ask.${p}`,
    serviceSubject: (endpoint) => `${root}ask.v1.${endpoint}`,
    serviceName: name === "" ? "rollcall" : `rollcall-${name}`,
  };
}

function assertLegal(name: string): void {
  if (name === "" || LEGAL_NAME.test(name)) return;
  throw new RangeError(
    `name: "${name}" cannot prefix streams and subjects; use up to 32 letters, digits and "-", the first no "-"`,
  );
}
