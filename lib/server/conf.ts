// The text that nats-server is configured with: the small file beside the data that includes our nats.conf, and what
// `rollcall nats-config` prints for a server run by others. supervise.ts writes the first, the CLI prints the second.
import { dirname, relative, resolve } from "node:path";
import { namesOf } from "../nats/names.ts";
import { type NatsRole, type RoleRights, rolesOf, type Share, subscriberApiPrefix } from "./roles.ts";
import { formatVersion, SERVER_VERSION_MIN } from "./version.ts";

/** What the mapping in nats.conf says; another data set needs lines of its own. */
const CONF_NAME = "";
const CONF_PARTITIONS = 32;
const LINE_LENGTH = 110;

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

/** What a server run by others cannot do without: the mapping. */
export function natsConfig(dataSet: DataSet): string {
  return `${needs()}, at the top level or inside the account that Rollcall
# uses. Who may say and hear what: \`rollcall nats-config --users\`.
${mappings(dataSet)}
`;
}

/** The same with accounts, users and permissions: each role as roles.ts says. */
export function natsUsersConfig(dataSet: DataSet): string {
  const { rights, shared } = rolesOf(dataSet);
  const account = accountName(dataSet);
  const outside = (role: "channel" | "subscriber"): string => `${accountPrefix(dataSet)}${role.toUpperCase()}S`;
  const inside = ["worker", "api", "operator"] as const;
  const exports = (["channel", "subscriber"] as const).flatMap((role) =>
    shared[role].map((share) => exported(share, outside(role))),
  );
  return `${needs()}, at the top level. Passwords are read from the server's environment.
# In place of a password each user may have an nkey, and the server a certificate: docs/security.md.
#
# tls { cert_file: "server.pem", key_file: "server-key.pem", ca_file: "ca.pem", verify: true }

accounts {
  # Whoever runs Rollcall. Nobody here may publish on ${namesOf(dataSet.name).segmentSubjects}: the stream alone speaks there.
  ${account} {
    jetstream: enabled
${indented(mappings(dataSet), 4)}
    users: [
${inside.map((role) => user(role, rights[role])).join("\n")}
    ]
    exports: [
${exports.map((line) => `      ${line}`).join("\n")}
    ]
  }

  # Whoever sends events. An account apart, for whoever publishes also names where he wants his acknowledgement: from here no
  # stream of Rollcall's is within reach.
  ${outside("channel")} {
${indented(mappings(dataSet), 4)}
    users: [
${user("channel", rights.channel)}
    ]
    imports: [
${shared.channel.map((share) => `      ${imported(share, account)}`).join("\n")}
    ]
  }

  # Whoever hears who joins and leaves. JetStream's prefix is ${subscriberApiPrefix(dataSet.name)} here; an operator makes the consumers:
  # nats consumer add ${namesOf(dataSet.name).segmentsStream} mailer --pull
  ${outside("subscriber")} {
    users: [
${user("subscriber", rights.subscriber)}
    ]
    imports: [
${shared.subscriber.map((share) => `      ${imported(share, account)}`).join("\n")}
    ]
  }
}
`;
}

function needs(): string {
  return `# For a nats-server ${formatVersion(SERVER_VERSION_MIN)} or newer with JetStream`;
}

function accountName({ name }: DataSet): string {
  return name === "" ? "ROLLCALL" : `ROLLCALL_${name.toUpperCase()}`;
}

/** Several data sets may share a server. */
function accountPrefix({ name }: DataSet): string {
  return name === "" ? "" : `${name.toUpperCase()}_`;
}

function user(role: NatsRole, { publish, subscribe }: RoleRights): string {
  const grants = publish.map(({ why, subjects }) => `          # ${why}\n${wrapped(subjects, 10)}`);
  return `      { user: ${role}, password: $${role.toUpperCase()}_PASSWORD, permissions: {
        publish: [
${grants.join("\n")}
        ]
        subscribe: [${list(...subscribe)}]
      } }`;
}

function exported({ kind, subject, many }: Share, to: string): string {
  const stream = many === true ? ", response_type: stream" : "";
  return `{ ${kind}: ${quoted(subject)}${stream}, accounts: [${to}] }`;
}

function imported({ kind, subject, to }: Share, from: string): string {
  const renamed = to === undefined ? "" : `, to: ${quoted(to)}`;
  return `{ ${kind}: { account: ${from}, subject: ${quoted(subject)} }${renamed} }`;
}

/** Several to a line, so that a person can look it over. */
function wrapped(subjects: readonly string[], indent: number): string {
  const lines: string[] = [""];
  for (const subject of subjects) {
    const word = `${quoted(subject)}, `;
    if (lines.at(-1)!.length + word.length > LINE_LENGTH) lines.push("");
    lines[lines.length - 1] += word;
  }
  return lines.map((line) => " ".repeat(indent) + line.trimEnd()).join("\n");
}

function indented(text: string, by: number): string {
  return text.replaceAll(/^/gm, " ".repeat(by));
}

function list(...subjects: readonly string[]): string {
  return subjects.map(quoted).join(", ");
}

function quoted(text: string): string {
  return JSON.stringify(text);
}
