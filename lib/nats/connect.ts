// One connection to NATS from the same variables as the `nats` CLI, with a server that is new enough behind it.
// Everything in lib/nats is given such a connection; nothing else connects.
import { readFile } from "node:fs/promises";
import {
  type Authenticator,
  AuthorizationError,
  type ConnectionOptions,
  connect,
  credsAuthenticator,
  type NatsConnection,
  nkeyAuthenticator,
  PermissionViolationError,
  type Status,
} from "@nats-io/transport-node";
import { inboxOf, NATS_ROLES, type NatsRole } from "../server/roles.ts";
import { formatVersion, isNewEnough, parseVersion, SERVER_VERSION_MIN } from "../server/version.ts";

const RECONNECT_MS = 250;
const FIRST_CONNECT_MS_MAX = 10_000;
/** A dead peer behind a live socket is noticed after two of these. */
const PING_MS = 10_000;
/** `$JS.API.STREAM`, `log.3.event`: as far as subjects of one kind are the same. */
const KIND_TOKENS = 3;

/** How to reach and convince a server. Paths are of files; secrets are never logged. */
export interface NatsSettings {
  /** One address, or several with commas between; user:password@ or token@ may stand in it. */
  readonly url: string;
  readonly creds?: string | undefined;
  readonly nkey?: string | undefined;
  readonly user?: string | undefined;
  readonly password?: string | undefined;
  readonly token?: string | undefined;
  readonly ca?: string | undefined;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  /** Under which answers are heard; none: `_INBOX.` and the role. */
  readonly inboxPrefix?: string | undefined;
}

/** The part of a pino logger that is used here. */
export interface ConnectionLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export interface ConnectOptions {
  /** What this process is: worker, api, cli … */
  readonly role: string;
  /** Which of them; the server's connection list shows `rollcall/<role>/<instance>`. */
  readonly instance: string;
  readonly log?: ConnectionLog | undefined;
}

export class ServerTooOld extends Error {
  override readonly name = "ServerTooOld";
}

export class ServerUnreachable extends Error {
  override readonly name = "ServerUnreachable";
}

/** Connects and checks the server; from then on it reconnects for as long as the process lives. */
export async function connectNats(settings: NatsSettings, options: ConnectOptions): Promise<NatsConnection> {
  const nc = await open(settings, options);
  try {
    assertServer(nc);
  } catch (error) {
    await nc.close();
    throw error;
  }
  if (options.log !== undefined) void follow(nc, options.log);
  return nc;
}

/** Throws ServerTooOld, or says that JetStream is off. Fencing stands on what older servers ignore without a word. */
export function assertServer(nc: Pick<NatsConnection, "info" | "getServer">): void {
  const said = nc.info?.version ?? "unknown";
  const version = parseVersion(said);
  if (version === undefined || !isNewEnough(version)) {
    throw new ServerTooOld(
      `The nats-server at ${nc.getServer()} is version ${said}; Rollcall needs ${formatVersion(SERVER_VERSION_MIN)} or newer ` +
        "(atomic batches, compare-and-set per message). Upgrade it, or point NATS_URL at a newer one.",
    );
  }
  if ((nc.info as { jetstream?: boolean }).jetstream !== true) {
    throw new ServerTooOld(
      `The nats-server at ${nc.getServer()} runs without JetStream. Add a \`jetstream {}\` block to its configuration.`,
    );
  }
}

async function open(settings: NatsSettings, options: ConnectOptions): Promise<NatsConnection> {
  const { servers, user, pass, token } = addresses(settings.url);
  const connection: ConnectionOptions = {
    servers,
    name: `rollcall/${options.role}/${options.instance}`,
    maxReconnectAttempts: -1,
    reconnectTimeWait: RECONNECT_MS,
    reconnectJitter: RECONNECT_MS,
    pingInterval: PING_MS,
    timeout: FIRST_CONNECT_MS_MAX,
    noAsyncTraces: true,
    inboxPrefix: settings.inboxPrefix ?? inboxOf(roleOf(options.role)),
    ...ifDefined("user", settings.user ?? user),
    ...ifDefined("pass", settings.password ?? pass),
    ...ifDefined("token", settings.token ?? token),
    ...ifDefined("authenticator", await authenticatorOf(settings)),
    ...ifDefined("tls", await tlsOf(settings)),
  };
  try {
    return await connect(connection);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    const remedy =
      error instanceof AuthorizationError
        ? "NATS_USER and NATS_PASSWORD, NATS_TOKEN, NATS_CREDS or NATS_NKEY say who we are."
        : "Is it running? NATS_URL says where.";
    throw new ServerUnreachable(`No connection to NATS at ${servers.join(", ")}: ${why}. ${remedy}`, { cause: error });
  }
}

/** The command line, and whatever else people start, is an operator to the server. */
function roleOf(role: string): NatsRole {
  return NATS_ROLES.find((known) => known === role) ?? "operator";
}

/** The client wants user and password beside the address, the CLI's users write them into it. */
function addresses(url: string): { servers: string[]; user?: string; pass?: string; token?: string } {
  const servers: string[] = [];
  let secret: { user?: string; pass?: string; token?: string } = {};
  for (const part of url.split(",").map((text) => text.trim())) {
    const found = /^((?:nats|tls):\/\/)?(?:([^@:/]+)(?::([^@]*))?@)?(.+)$/.exec(part);
    if (found === null) throw new RangeError("NATS_URL is empty; write for example nats://127.0.0.1:4222");
    const [, scheme = "nats://", first, second, rest = ""] = found;
    servers.push(`${scheme}${rest}`);
    if (first === undefined) continue;
    const name = decodeURIComponent(first);
    secret = second === undefined ? { token: name } : { user: name, pass: decodeURIComponent(second) };
  }
  return { servers, ...secret };
}

async function authenticatorOf(settings: NatsSettings): Promise<Authenticator | undefined> {
  if (settings.creds !== undefined) return credsAuthenticator(await fileOf("NATS_CREDS", settings.creds));
  if (settings.nkey === undefined) return undefined;
  const seed = (await fileOf("NATS_NKEY", settings.nkey)).toString("utf8").trim();
  return nkeyAuthenticator(new TextEncoder().encode(seed));
}

async function tlsOf({ ca, cert, key }: NatsSettings): Promise<ConnectionOptions["tls"] | undefined> {
  if (ca === undefined && cert === undefined && key === undefined) return undefined;
  return {
    ...(ca === undefined ? {} : { ca: (await fileOf("NATS_CA", ca)).toString("utf8") }),
    ...(cert === undefined ? {} : { cert: (await fileOf("NATS_CERT", cert)).toString("utf8") }),
    ...(key === undefined ? {} : { key: (await fileOf("NATS_KEY", key)).toString("utf8") }),
  };
}

async function fileOf(variable: string, path: string): Promise<Buffer> {
  return readFile(path).catch((error: NodeJS.ErrnoException) => {
    throw new Error(`${variable} names ${path}, which cannot be read (${error.code ?? error.message})`, {
      cause: error,
    });
  });
}

async function follow(nc: NatsConnection, log: ConnectionLog): Promise<void> {
  const denied = new Set<string>();
  for await (const status of nc.status()) {
    if (status.type === "error" && status.error instanceof PermissionViolationError)
      tellDenied(status.error, denied, log);
    else tell(nc, status, log);
  }
}

/** One line a kind of subject: who may not look at one stream may not look at the other thirty either. */
function tellDenied({ operation, subject }: PermissionViolationError, told: Set<string>, log: ConnectionLog): void {
  const kind = `${operation} ${subject.split(".").slice(0, KIND_TOKENS).join(".")}`;
  if (told.has(kind)) return;
  told.add(kind);
  log.error(
    { operation, subject },
    "nats: the server does not permit this; `rollcall nats-config --users` prints what is needed",
  );
}

function tell(nc: NatsConnection, status: Status, log: ConnectionLog): void {
  switch (status.type) {
    case "disconnect":
      log.warn({ server: status.server }, "nats: connection lost, reconnecting");
      return;
    case "reconnect":
      log.info({ server: status.server }, "nats: connected again");
      try {
        assertServer(nc);
      } catch (error) {
        log.error({ err: error }, "nats: reconnected to a server that cannot serve");
      }
      return;
    case "error":
      log.error({ err: status.error }, "nats: server reports an error");
      return;
    case "ldm":
      log.info({ server: status.server }, "nats: server is about to stop, moving on");
      return;
    case "slowConsumer":
      log.warn({ pending: status.pending }, "nats: a subscription is slow");
      return;
    default:
      return;
  }
}

function ifDefined<K extends string, V>(key: K, value: V | undefined): { [P in K]?: V } {
  return value === undefined ? {} : ({ [key]: value } as { [P in K]?: V });
}
