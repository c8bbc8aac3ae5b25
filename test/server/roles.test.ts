// The permission matrix: every role is tried with every subject that there is, at a server with the printed configuration.
// What the table does not list is refused, what it lists is let through. What each role does with it is test/end-to-end/roles.
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { connect, type NatsConnection, nkeys, PermissionViolationError } from "@nats-io/transport-node";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { connectNats } from "../../lib/nats/connect.ts";
import { namesOf } from "../../lib/nats/names.ts";
import { wantedStreams } from "../../lib/nats/provision.ts";
import { natsUsersConfig } from "../../lib/server/conf.ts";
import { ensureServer } from "../../lib/server/fetch.ts";
import { NATS_ROLES, type NatsRole, type RoleRights, rolesOf } from "../../lib/server/roles.ts";
import type { TestServer } from "../support/nats.ts";
import { BINARY_DIR, testDataSet } from "../support/nats.ts";
import { credentialsOf, guardedServer } from "../support/nats-roles.ts";

const PARTITIONS = 3;
const STREAM_VERBS = [
  "CREATE",
  "UPDATE",
  "DELETE",
  "PURGE",
  "INFO",
  "RESTORE",
  "SNAPSHOT",
  "MSG.GET",
  "MSG.DELETE",
  "LEADER.STEPDOWN",
  "PEER.REMOVE",
  "PEER.EVACUATE",
  "CANCEL_MOVE",
];
const CONSUMER_VERBS = [
  "CREATE",
  "DURABLE.CREATE",
  "DELETE",
  "INFO",
  "MSG.NEXT",
  "LIST",
  "NAMES",
  "PAUSE",
  "UNPIN",
  "RESET",
  "LEADER.STEPDOWN",
  "PEER.REMOVE",
  "PEER.EVACUATE",
];
/** About the server and the account. */
const SERVER_VERBS = [
  "INFO",
  "STREAM.NAMES",
  "STREAM.LIST",
  "META.LEADER.STEPDOWN",
  "META.RESCUE",
  "SERVER.REMOVE",
  "SERVER.EVACUATE",
  "ACCOUNT.PURGE.ROLLCALL",
  "ACCOUNT.STREAM.MOVE.ROLLCALL.SEGMENTS",
  "ACCOUNT.STREAM.CANCEL_MOVE.ROLLCALL.SEGMENTS",
];
/** What servers say to themselves and to each other. */
const OF_SERVERS = [
  "$SYS.REQ.SERVER.PING",
  "$SYS.REQ.SERVER.PING.CONNZ",
  "$SYS.REQ.ACCOUNT.PING.CONNZ",
  "$SYS.REQ.USER.INFO",
  "$SYS.REQ.CLAIMS.UPDATE",
  "$SYS.ACCOUNT.ROLLCALL.CONNECT",
  "$SYS.DEBUG.SUBSCRIBERS",
  "$JS.EVENT.ADVISORY.STREAM.DELETED.SEGMENTS",
  "$JS.FC.SEGMENTS.mine.1",
  "$JSC.SYNC.a",
  "$NRG.AE.a",
  "$MQTT.JSA.a",
  "_R_.a.b",
];

/** `*` matches one token, `>` the rest. */
function matches(pattern: string, subject: string): boolean {
  const [wanted, given] = [pattern.split("."), subject.split(".")];
  if (wanted.at(-1) === ">")
    return (
      given.length >= wanted.length &&
      matches(wanted.slice(0, -1).join("."), given.slice(0, wanted.length - 1).join("."))
    );
  return wanted.length === given.length && wanted.every((token, index) => token === "*" || token === given[index]);
}

/** Whatever a subject may be, so that a permission too wide shows itself. */
function universe(name: string): string[] {
  const names = namesOf(name);
  const logs = [0, PARTITIONS - 1].flatMap((p) => [
    ...(["event", "account", "control", "clock", "ready"] as const).map((kind) => names.logSubject(p, kind)),
    names.linkSubject(p, 1),
    `${names.logSubject(p, "event")}.x`,
    names.askSubject(p),
    names.watermarkSubject(p),
  ]);
  const streams = wantedStreams(names, testDataSet({ name, partitions: PARTITIONS })).map((stream) => stream.name);
  const foreign = [...streams, "SOMEBODY_ELSES", "other_SEGMENTS"];
  const jetstream = foreign.flatMap((stream) => [
    ...STREAM_VERBS.map((verb) => `$JS.API.STREAM.${verb}.${stream}`),
    ...CONSUMER_VERBS.flatMap((verb) => [
      `$JS.API.CONSUMER.${verb}.${stream}`,
      `$JS.API.CONSUMER.${verb}.${stream}.mine`,
    ]),
    `$JS.API.CONSUMER.CREATE.${stream}.mine.${names.segmentSubject("vip", "joined")}`,
    `$JS.API.DIRECT.GET.${stream}`,
    `$JS.API.DIRECT.GET.${stream}.${names.segmentSubject("vip", "joined")}`,
    `$JS.ACK.${stream}.mine.1.1.1.1.0`,
    `$JS.SNAPSHOT.ACK.${stream}.mine.1.1`,
    `$JS.SNAPSHOT.RESTORE.${stream}.mine`,
    `${names.serviceName}.js.CONSUMER.MSG.NEXT.${stream}.mine`,
    `${names.serviceName}.js.CONSUMER.INFO.${stream}.mine`,
    `${names.serviceName}.js.CONSUMER.CREATE.${stream}.mine`,
  ]);
  const buckets = [
    names.checkpointBucket,
    names.clusterBucket,
    names.keysBucket,
    names.seriesBucket,
    names.jobsBucket,
  ].flatMap((bucket) =>
    ["0.1.2.3", "shard.a", "wishes", "replayed.7", "job.a", "process.a", "a"].map((key) => `$KV.${bucket}.${key}`),
  );
  const questions = ["decide", "user", "account", "explain", "members", "sizes", "segments", "search"].map(
    names.serviceSubject,
  );
  const change = ["joined", "left"] as const;
  const spoken = change.flatMap((one) => [names.deltaSubject("vip", one), names.segmentSubject("vip", one)]);
  return [
    ...logs,
    ...jetstream,
    ...buckets,
    ...questions,
    ...spoken,
    names.definitionsSubject,
    names.auditSubject("keys.create"),
    names.rejectedSubject("not-json"),
    names.erasedSubject(0, "phase.1.listed"),
    names.exportSubject("a", "0"),
    ...NATS_ROLES.map((role) => `_INBOX.${role}.a.b`),
    "_INBOX.a.b",
    ...SERVER_VERBS.map((verb) => `$JS.API.${verb}`),
    ...["PING", "INFO.rollcall", "STATS.rollcall.x"].map((verb) => `$SRV.${verb}`),
    ...OF_SERVERS,
    ...["anything", "any.thing.else"],
  ];
}

function heardWidely(name: string): string[] {
  const root = name === "" ? "" : `${name}.`;
  const ours = ["segment.>", "segment.*.*", "delta.>", "log.>", "ask.>", "ask.v1.>", "audit.>", "rejected.>"];
  const ofServers = ["$JS.>", "$KV.>", "$SRV.>", "$SYS.>", "$JSC.>", "$NRG.>", "$MQTT.>"];
  return [">", "*", "*.*", "_INBOX.>", "_R_.>", ...ofServers, ...ours.map((subject) => root + subject)];
}

/** The JetStream API as the server's own program spells it, where it ends in a wildcard. */
async function apiOfServer(): Promise<string[]> {
  const { binary } = await ensureServer({ dataDir: BINARY_DIR });
  const found = (await readFile(binary, "latin1")).matchAll(/\$JS\.API(?:\.[A-Z_]+)+(?:\.\*)+(?:\.>)?/g);
  return [...new Set(Array.from(found, ([subject]) => subject))].sort();
}

interface Refused {
  readonly publish: ReadonlySet<string>;
  readonly subscription: ReadonlySet<string>;
}

/** What the server refuses of all that one says and wants to hear. */
async function refusals(nc: NatsConnection, subjects: readonly string[], wide: readonly string[]): Promise<Refused> {
  const refused = { publish: new Set<string>(), subscription: new Set<string>() };
  const watching = (async () => {
    for await (const status of nc.status()) {
      if (status.type !== "error" || !(status.error instanceof PermissionViolationError)) continue;
      refused[status.error.operation].add(status.error.subject);
    }
  })();
  for (const subject of subjects) nc.publish(subject, "");
  for (const subject of [...subjects, ...wide]) nc.subscribe(subject, { callback: () => undefined });
  // The server answers in order: what it refuses it has refused once this came back.
  await nc.flush();
  await nc.close();
  await watching;
  return refused;
}

function mayPublish({ publish }: RoleRights, subject: string): boolean {
  return publish.some(({ subjects }) => subjects.some((pattern) => matches(pattern, subject)));
}

/** A wildcard that is asked for counts as a word to the server: `ask.*` lets in `ask.>`, which `segment.*.*` does not for `segment.>`. */
function mayHear({ subscribe }: RoleRights, subject: string): boolean {
  return subscribe.some((pattern) => matches(pattern, subject));
}

describe.each(["", "shop"])("data set %j", (name) => {
  const { rights } = rolesOf({ name, partitions: PARTITIONS });
  // Its own, and those of another data set at the same server.
  const subjects = [...new Set([...universe(name), ...universe(name === "" ? "other" : "")])];
  const wide = [...new Set([...heardWidely(name), ...heardWidely(name === "" ? "other" : "")])];
  let server: TestServer;
  beforeAll(async () => {
    server = await guardedServer({ name, partitions: PARTITIONS });
  });
  afterAll(() => server?.stop());

  test.each(NATS_ROLES)("%s says and hears what the table lists, and nothing else", async (role) => {
    const nc = await server.connection(role, credentialsOf(role));
    const refused = await refusals(nc, subjects, wide);
    // Each of them is a word of the server's own.
    expect(
      [...refused.publish, ...refused.subscription].filter((subject) => ![...subjects, ...wide].includes(subject)),
    ).toEqual([]);
    const said = subjects.filter((subject) => !refused.publish.has(subject));
    const heard = [...subjects, ...wide].filter((subject) => !refused.subscription.has(subject));
    expect(said).toEqual(subjects.filter((subject) => mayPublish(rights[role], subject)));
    expect(heard).toEqual([...subjects, ...wide].filter((subject) => mayHear(rights[role], subject)));
    expect(said.length).toBeGreaterThan(0);
    expect(said.length).toBeLessThan(subjects.length / 2);
  });

  test("nobody comes in without a user, with another's password, or as somebody there is not", async () => {
    const { password } = credentialsOf("channel");
    for (const as of [{}, { user: "operator" }, { user: "operator", password }, { user: "admin", password }]) {
      const coming = connect({ servers: server.url, reconnect: false, ...as });
      await expect(coming, JSON.stringify(as)).rejects.toThrow(/Authorization Violation/);
    }
  });

  test("each subject of the table is tried", () => {
    for (const role of NATS_ROLES) {
      const patterns = rights[role].publish.flatMap((grant) => grant.subjects);
      const untried = patterns.filter((pattern) => !subjects.some((subject) => matches(pattern, subject)));
      expect(untried.filter((pattern) => !/EVENTS_1/.test(pattern))).toEqual([]);
    }
  });
});

test("each subject of the server's JetStream API is tried", async () => {
  const theirs = await apiOfServer();
  expect(theirs).toContain("$JS.API.STREAM.PURGE.*");
  expect(theirs.length).toBeGreaterThan(20);
  const ours = universe("");
  const untried = theirs.filter((pattern) => !ours.some((subject) => matches(pattern, subject)));
  expect(untried).toEqual([]);
});

describe("the table", () => {
  const names = namesOf("");
  const { rights } = rolesOf({ name: "", partitions: PARTITIONS });
  const who = (subject: string): NatsRole[] => NATS_ROLES.filter((role) => mayPublish(rights[role], subject));

  test.each([
    ["segment.vip.joined", []],
    ["delta.vip.joined", ["worker"]],
    ["watermark.0", ["worker"]],
    ["log.0.link.1", ["worker"]],
    ["log.0.control", ["worker"]],
    ["log.0.clock", ["worker"]],
    ["log.0.event", ["channel", "worker", "api", "operator"]],
    ["rejected.not-json", ["worker"]],
    ["definitions", ["worker", "api", "operator"]],
    ["$KV.KEYS.a", ["api", "operator"]],
    ["$KV.CHECKPOINT.0.manifest", ["worker"]],
    ["$KV.CLUSTER.shard.a", ["worker"]],
    ["$KV.CLUSTER.wishes", ["worker", "api", "operator"]],
    ["$KV.CLUSTER.replayed.7", ["api", "operator"]],
    ["$KV.SERIES.a", ["api"]],
    ["$KV.JOBS.job.a", ["api", "operator"]],
    ["$KV.JOBS.process.a", ["api", "operator"]],
    ["exports.a.0", ["api"]],
    ["$JS.API.STREAM.MSG.GET.EXPORTS", ["api"]],
    ["$JS.API.STREAM.MSG.DELETE.EXPORTS", ["api"]],
    ["$JS.API.STREAM.SNAPSHOT.EXPORTS", []],
    ["$JS.SNAPSHOT.ACK.EXPORTS.a.1.1", []],
    ["$JS.SNAPSHOT.ACK.SEGMENTS.a.1.1", ["operator"]],
    ["ask.0", ["api", "operator"]],
    ["ask.v1.decide", ["channel", "subscriber", "operator"]],
    ["ask.v1.user", ["operator"]],
    ["$JS.API.STREAM.DELETE.EVENTS_0", []],
    ["$JS.API.STREAM.PURGE.EVENTS_0", []],
    ["$JS.API.STREAM.MSG.DELETE.SEGMENTS", ["worker"]],
    ["$JS.API.STREAM.MSG.DELETE.EVENTS_0", ["worker"]],
    ["$JS.API.STREAM.MSG.DELETE.DEFINITIONS", ["worker"]],
    ["$JS.API.STREAM.MSG.DELETE.AUDIT", []],
    ["$JS.API.STREAM.UPDATE.AUDIT", []],
    ["$JS.API.STREAM.UPDATE.KV_KEYS", []],
    ["$JS.API.STREAM.UPDATE.EVENTS_0", ["operator"]],
    ["$JS.API.STREAM.UPDATE.DEFINITIONS", ["worker", "operator"]],
    ["erased.0.phase.1.listed", ["worker"]],
    ["$JS.API.STREAM.RESTORE.SEGMENTS", []],
    ["$JS.API.CONSUMER.CREATE.SEGMENTS.x", ["worker", "api", "operator"]],
    ["_INBOX.worker.x", []],
    ["_INBOX.channel.x", []],
  ] as const)("%s is said by %j alone", (subject, roles) => {
    expect(who(subject)).toEqual(roles);
  });

  test("nobody hears the inbox of another, and channels hear nothing else", () => {
    for (const role of NATS_ROLES) {
      const inboxes = rights[role].subscribe.filter((subject) => subject.startsWith("_INBOX"));
      expect(inboxes).toEqual([`_INBOX.${role}.>`]);
    }
    expect(rights.channel.subscribe).toEqual(["_INBOX.channel.>"]);
    expect(mayHear(rights.subscriber, names.segmentSubjects)).toBe(true);
  });
});

test("an nkey stands in the place of a password", async () => {
  const pair = nkeys.createUser();
  const dataSet = { name: "", partitions: PARTITIONS };
  const withKey = natsUsersConfig(dataSet).replace(
    "user: worker, password: $WORKER_PASSWORD",
    `nkey: ${pair.getPublicKey()}`,
  );
  const server = await guardedServer(dataSet, withKey);
  try {
    const seed = join(server.dataDir, "worker.nk");
    await writeFile(seed, pair.getSeed());
    const nc = await connectNats({ url: server.url, nkey: seed }, { role: "worker", instance: "1" });
    const refused = await refusals(nc, ["delta.vip.joined", "segment.vip.joined"], []);
    expect([...refused.publish]).toEqual(["segment.vip.joined"]);
  } finally {
    await server.stop();
  }
});
