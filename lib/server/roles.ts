// Who may say and hear what on the server: five roles, each with the least that it needs. conf.ts writes them down for
// nats-server; test/server/roles asks a server about every subject there is.
//
// Outsiders live in accounts of their own. Permissions bound what somebody says, but not where he asks the server to answer:
// an acknowledgement that is asked for on `watermark.0` is stored there, and one on `delta.vip.joined` is heard as a delta.
// Between accounts the server answers on a subject of its own, so whatever a channel names stays in the channel's account.
import { namesOf } from "../nats/names.ts";

export const NATS_ROLES = ["channel", "subscriber", "worker", "api", "operator"] as const;
export type NatsRole = (typeof NATS_ROLES)[number];

/** Subjects that belong together, and what for. */
export interface Grant {
  readonly why: string;
  readonly subjects: readonly string[];
}

export interface RoleRights {
  readonly publish: readonly Grant[];
  readonly subscribe: readonly string[];
}

/** What another account may use of Rollcall's. */
export interface Share {
  readonly kind: "service" | "stream";
  readonly subject: string;
  /** What it is called there; the same where nothing is said. */
  readonly to?: string;
  /** One question, many answers. */
  readonly many?: true;
}

export interface Roles {
  readonly rights: Readonly<Record<NatsRole, RoleRights>>;
  /** What channels and subscribers reach from their accounts. */
  readonly shared: Readonly<Record<"channel" | "subscriber", readonly Share[]>>;
}

/** Each role hears answers under a prefix of its own, so that nobody hears those of others. */
export function inboxOf(role: NatsRole): string {
  return `_INBOX.${role}`;
}

export function rolesOf(dataSet: { readonly name: string; readonly partitions: number }): Roles {
  const streams = streamsOf(dataSet);
  return {
    rights: {
      channel: channel(dataSet.name),
      subscriber: subscriber(dataSet.name),
      worker: worker(dataSet.name, streams),
      api: api(dataSet.name, streams),
      operator: operator(dataSet.name, streams),
    },
    shared: { channel: sharedWithChannels(dataSet.name), subscriber: sharedWithSubscribers(dataSet.name) },
  };
}

interface Streams {
  readonly logs: readonly string[];
  readonly segments: string;
  readonly definitions: string;
  readonly rejects: string;
  readonly audit: string;
  readonly checkpoint: string;
  readonly cluster: string;
  readonly keys: string;
  readonly series: string;
  readonly erased: string;
  readonly jobs: string;
  readonly exports: string;
  readonly all: readonly string[];
}

function streamsOf({ name, partitions }: { readonly name: string; readonly partitions: number }): Streams {
  const names = namesOf(name);
  const logs = Array.from({ length: partitions }, (_, p) => names.eventsStream(p));
  const one = {
    segments: names.segmentsStream,
    definitions: names.definitionsStream,
    rejects: names.rejectsStream,
    audit: names.auditStream,
    checkpoint: `KV_${names.checkpointBucket}`,
    cluster: `KV_${names.clusterBucket}`,
    keys: `KV_${names.keysBucket}`,
    series: `KV_${names.seriesBucket}`,
    erased: names.erasedStream,
    jobs: `KV_${names.jobsBucket}`,
    exports: names.exportsStream,
  };
  return { logs, ...one, all: [...logs, ...Object.values(one)] };
}

// ── outside ─────────────────────────────────────────────────────────────────────────────────────────────────────────

function eventsOf(name: string): readonly string[] {
  const names = namesOf(name);
  return [names.logSubject("*", "event"), names.logSubject("*", "account")];
}

function channel(name: string): RoleRights {
  return {
    publish: [
      { why: "events, by the logs that the mapping leads them into", subjects: eventsOf(name) },
      { why: "what a page asks that has just sent one", subjects: [namesOf(name).serviceSubject("decide")] },
    ],
    subscribe: [`${inboxOf("channel")}.>`],
  };
}

function sharedWithChannels(name: string): Share[] {
  return [...eventsOf(name), namesOf(name).serviceSubject("decide")].map((subject) => ({ kind: "service", subject }));
}

/** Questions that tell no more of a person than deltas do. */
function memberQuestions(name: string): readonly string[] {
  return ["decide", "members", "sizes", "segments"].map((question) => namesOf(name).serviceSubject(question));
}

/** `nats --js-api-prefix`, `jetstream(nc, {apiPrefix})`: each account has a JetStream of its own on the usual one. */
export function subscriberApiPrefix(name: string): string {
  return `${namesOf(name).serviceName}.js`;
}

/** Of a consumer that an operator made. Who may make one may have the server deliver wherever he likes. */
function pulling(name: string, prefix: string): readonly string[] {
  const { segmentsStream } = namesOf(name);
  return [`${prefix}.CONSUMER.MSG.NEXT.${segmentsStream}.*`, `${prefix}.CONSUMER.INFO.${segmentsStream}.*`];
}

function acks(name: string): string {
  return `$JS.ACK.${namesOf(name).segmentsStream}.>`;
}

function subscriber(name: string): RoleRights {
  return {
    publish: [
      { why: "questions that tell no more of a person than deltas do", subjects: memberQuestions(name) },
      {
        why: "pulling from a consumer that an operator made; name it in place of the last * to keep others from it",
        subjects: [...pulling(name, subscriberApiPrefix(name)), acks(name)],
      },
    ],
    subscribe: [namesOf(name).segmentSubjects, `${inboxOf("subscriber")}.>`],
  };
}

function sharedWithSubscribers(name: string): Share[] {
  const [next, info] = pulling(name, "$JS.API");
  const [nextTo, infoTo] = pulling(name, subscriberApiPrefix(name));
  return [
    { kind: "stream", subject: namesOf(name).segmentSubjects },
    ...memberQuestions(name).map((subject): Share => ({ kind: "service", subject })),
    { kind: "service", subject: next!, to: nextTo!, many: true },
    { kind: "service", subject: info!, to: infoTo! },
    { kind: "service", subject: acks(name) },
  ];
}

// ── inside ──────────────────────────────────────────────────────────────────────────────────────────────────────────

function reading(streams: readonly string[]): readonly string[] {
  return streams.flatMap((stream) => [
    `$JS.API.STREAM.INFO.${stream}`,
    `$JS.API.STREAM.MSG.GET.${stream}`,
    `$JS.API.CONSUMER.CREATE.${stream}.*`,
    `$JS.API.CONSUMER.MSG.NEXT.${stream}.*`,
    `$JS.API.CONSUMER.DELETE.${stream}.*`,
  ]);
}

function without(streams: readonly string[], one: string): readonly string[] {
  return streams.filter((stream) => stream !== one);
}

function worker(name: string, streams: Streams): RoleRights {
  const names = namesOf(name);
  const { logs, segments, definitions, rejects, checkpoint, cluster, erased, all } = streams;
  const answers = [`${inboxOf("api")}.>`, `${inboxOf("operator")}.>`];
  return {
    publish: [
      {
        why: "who joined and who left, how far that is said, and what was refused",
        subjects: [names.deltaSubject("*", "*"), names.watermarkSubject("*"), names.rejectedSubject("*")],
      },
      {
        why: "in the logs: copies of definitions, the clock, readiness, and what partitions tell each other",
        subjects: [
          ...(["control", "clock", "ready"] as const).map((kind) => names.logSubject("*", kind)),
          names.linkSubject("*", "*"),
        ],
      },
      { why: "in the control log: that a definition is ready everywhere", subjects: [names.definitionsSubject] },
      { why: "the probe of the mapping at every start, which is never stored", subjects: eventsOf(name) },
      {
        why: "checkpoints, heartbeats, and wishes that came true",
        subjects: [
          `$KV.${names.checkpointBucket}.>`,
          ...clusterOf(name),
          `$JS.API.STREAM.MSG.GET.${cluster}`,
          `$JS.API.STREAM.INFO.${checkpoint}`,
          `$JS.API.STREAM.MSG.GET.${checkpoint}`,
          `$JS.API.STREAM.PURGE.${checkpoint}`,
        ],
      },
      {
        why: "erasure: what is to go, and single messages that go",
        subjects: [
          names.erasedSubject("*", ">"),
          `$JS.API.STREAM.MSG.GET.${erased}`,
          ...[...logs, segments, definitions, rejects, checkpoint, erased].map(
            (stream) => `$JS.API.STREAM.MSG.DELETE.${stream}`,
          ),
        ],
      },
      { why: "answers to questions", subjects: answers },
      {
        why: "reading logs, definitions, and what was said",
        subjects: reading([...logs, segments, definitions, rejects]),
      },
      {
        why: "looking whether every stream is as it must be",
        subjects: all.map((stream) => `$JS.API.STREAM.INFO.${stream}`),
      },
      {
        why: "making the data set; may go once it is made, with ROLLCALL_PROVISION=false",
        subjects: [...all.map((stream) => `$JS.API.STREAM.CREATE.${stream}`), `$JS.API.STREAM.UPDATE.${definitions}`],
      },
    ],
    subscribe: [names.askSubject("*"), ...clusterOf(name), `${inboxOf("worker")}.>`],
  };
}

/** Who is alive, and what an operator wishes of them. */
function clusterOf(name: string): readonly string[] {
  const { clusterBucket } = namesOf(name);
  return [`$KV.${clusterBucket}.shard.*`, `$KV.${clusterBucket}.wishes`];
}

/** What is written down of each job, and who lives that runs some. */
function jobsOf(name: string): readonly string[] {
  const { jobsBucket } = namesOf(name);
  return [`$KV.${jobsBucket}.job.*`, `$KV.${jobsBucket}.process.*`];
}

/** What people change, by HTTP or at the command line. */
function changing(name: string): Grant[] {
  const names = namesOf(name);
  return [
    { why: "events", subjects: eventsOf(name) },
    {
      why: "definitions, keys, jobs, where partitions shall be, what was sent again, and the log of who changed what",
      subjects: [
        names.definitionsSubject,
        `$KV.${names.keysBucket}.*`,
        ...jobsOf(name),
        `$KV.${names.clusterBucket}.wishes`,
        `$KV.${names.clusterBucket}.replayed.*`,
        names.auditSubject("*.*"),
      ],
    },
  ];
}

function api(name: string, { all, checkpoint, exports }: Streams): RoleRights {
  const names = namesOf(name);
  return {
    publish: [
      ...changing(name),
      { why: "time series of segments", subjects: [`$KV.${names.seriesBucket}.>`] },
      {
        why: "what exports make; single pieces go, overwritten, when they have been kept long enough or somebody is erased",
        subjects: [names.exportSubject("*", "*"), `$JS.API.STREAM.MSG.DELETE.${exports}`],
      },
      { why: "questions to the owners of partitions", subjects: [names.askSubject("*")] },
      {
        why: "answers to questions: within the account, and to others by way of the server",
        subjects: [`${inboxOf("operator")}.>`, "_R_.>"],
      },
      {
        why: "reading all but checkpoints",
        subjects: reading(without(all, checkpoint)),
      },
    ],
    subscribe: [
      names.segmentSubjects,
      // The live stream of what comes in.
      ...eventsOf(name),
      names.serviceSubject("*"),
      ...clusterOf(name),
      "$SRV.>",
      `${inboxOf("api")}.>`,
    ],
  };
}

function operator(name: string, { all, exports, audit, keys }: Streams): RoleRights {
  const names = namesOf(name);
  const read = without(all, exports);
  return {
    publish: [
      ...changing(name),
      {
        why: "questions to owners and to the service, and finding it",
        subjects: [names.askSubject("*"), names.serviceSubject("*"), "$SRV.>"],
      },
      { why: "looking at the server", subjects: ["$JS.API.INFO", "$JS.API.STREAM.NAMES", "$JS.API.STREAM.LIST"] },
      {
        why: "whether what exports made is kept as it must be, but nothing of it: a backup would keep whom it names",
        subjects: [`$JS.API.STREAM.INFO.${exports}`],
      },
      {
        why: "reading every other stream, and backups; neither purge, delete nor restore",
        subjects: read.flatMap((stream) => [
          `$JS.API.STREAM.INFO.${stream}`,
          `$JS.API.STREAM.MSG.GET.${stream}`,
          `$JS.API.STREAM.SNAPSHOT.${stream}`,
          // The server sends no more than some megabytes of a backup that are not acknowledged.
          `$JS.SNAPSHOT.ACK.${stream}.>`,
          `$JS.API.CONSUMER.*.${stream}`,
          `$JS.API.CONSUMER.*.${stream}.>`,
          `$JS.API.CONSUMER.MSG.NEXT.${stream}.*`,
        ]),
      },
      {
        why: "how long they are kept; but a log of changes that ages is emptied, and without its keys the door opens",
        subjects: without(without(read, audit), keys).map((stream) => `$JS.API.STREAM.UPDATE.${stream}`),
      },
    ],
    subscribe: [
      names.segmentSubjects,
      names.rejectedSubject("*"),
      names.auditSubject("*.*"),
      ...clusterOf(name),
      `${inboxOf("operator")}.>`,
    ],
  };
}
