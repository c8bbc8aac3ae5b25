// The text that nats-server is configured with: the small file beside the data that includes our nats.conf, and what
// `rollcall nats-config` prints for a server run by others. supervise.ts writes the first, the CLI prints the second.
import { dirname, relative, resolve } from "node:path";
import { namesOf } from "../nats/names.ts";
import { formatVersion, SERVER_VERSION_MIN } from "./version.ts";

/** What the mapping in nats.conf says; another data set needs lines of its own. */
const CONF_NAME = "";
const CONF_PARTITIONS = 32;

export interface DataSet {
  readonly name: string;
  readonly partitions: number;
}

export interface InstanceConf extends DataSet {
  /** The nats.conf to include. */
  readonly base: string;
  /** Where this configuration will be written; includes are relative to it. */
  readonly path: string;
  readonly host: string;
  /** -1 lets the system choose. */
  readonly port: number;
  readonly storeDir: string;
  readonly logFile: string;
  readonly portsDir: string;
  readonly syncAlways: boolean;
  /** Further lines, as in nats.conf. */
  readonly extra: string;
}

/** Later lines win over the included ones, key by key. */
export function instanceConf(conf: InstanceConf): string {
  const mapped = conf.name === CONF_NAME && conf.partitions === CONF_PARTITIONS;
  const lines = [
    "# Written at every start; change nats.conf instead.",
    `include ${quoted(relative(dirname(resolve(conf.path)), resolve(conf.base)))}`,
    `listen: ${quoted(`${conf.host}:${conf.port}`)}`,
    "jetstream {",
    `  store_dir: ${quoted(resolve(conf.storeDir))}`,
    ...(conf.syncAlways ? ["  sync_interval: always"] : []),
    "}",
    ...(mapped ? [] : [mappings(conf)]),
    `log_file: ${quoted(resolve(conf.logFile))}`,
    "logfile_size_limit: 16MB",
    "logfile_max_num: 3",
    `ports_file_dir: ${quoted(resolve(conf.portsDir))}`,
    conf.extra,
  ];
  return `${lines.join("\n")}\n`;
}

/** The two lines that lead a message into the log of its user or account. */
export function mappings({ name, partitions }: DataSet): string {
  const names = namesOf(name);
  const log = `{{partition(${partitions},1)}}`;
  return [
    "mappings {",
    `  ${quoted(names.eventSubject("*"))}: ${quoted(names.logSubject(log, "event"))}`,
    `  ${quoted(names.accountSubject("*"))}: ${quoted(names.logSubject(log, "account"))}`,
    "}",
  ].join("\n");
}

/** All that a server run by others needs for this data set: the mapping, and the permissions of each role. */
export function natsConfig(dataSet: DataSet): string {
  const names = namesOf(dataSet.name);
  const root = names.name === "" ? "" : `${names.name}.`;
  const segments = names.segmentSubject("*", "*");
  return `# For a nats-server ${formatVersion(SERVER_VERSION_MIN)} or newer with JetStream, at the top level or inside the account that Rollcall uses.
${mappings(dataSet)}

# Permissions, one block a role. The server checks a publish after mapping it, so a channel is allowed the logs' events
# and accounts, and thereby refused their control entries and clock. Nobody may publish ${root}segment.>: the stream
# alone speaks there, once a delta is stored. The passwords are read from the server's environment.
authorization {
  users: [
    { user: channel, password: $CHANNEL_PASSWORD, permissions: {
        publish: [${list(names.logSubject("*", "event"), names.logSubject("*", "account"))}]
        subscribe: ["_INBOX.>"]
    } }
    { user: reader, password: $READER_PASSWORD, permissions: {
        publish: [${list(
          `$JS.API.STREAM.INFO.${names.segmentsStream}`,
          `$JS.API.CONSUMER.*.${names.segmentsStream}`,
          `$JS.API.CONSUMER.*.${names.segmentsStream}.>`,
          `$JS.API.CONSUMER.MSG.NEXT.${names.segmentsStream}.>`,
          `$JS.ACK.${names.segmentsStream}.>`,
        )}]
        subscribe: [${list(segments, "_INBOX.>")}]
    } }
    { user: worker, password: $WORKER_PASSWORD, permissions: {
        publish: { deny: [${list(`${root}segment.>`)}] }
        subscribe: [${list(`${root}>`, "$JS.>", "$KV.>", "$SRV.>", "_INBOX.>")}]
    } }
  ]
}
`;
}

function list(...subjects: readonly string[]): string {
  return subjects.map(quoted).join(", ");
}

function quoted(text: string): string {
  return JSON.stringify(text);
}
