// Brings the HTTP interface up over a connection to NATS, and takes it down again.
// Used by cmd/api.ts and, inside its own process, by cmd/dev.ts.
import type { NatsConnection } from "@nats-io/transport-node";
import type { Limits } from "../../core/types.ts";
import { openTables } from "../../enrich/enrich.ts";
import type { PlacesOptions } from "../../enrich/places.ts";
import { NatsImportLogs } from "../../import/log-writer.ts";
import { NatsAuditLog } from "../../nats/audit.ts";
import { NatsCluster } from "../../nats/cluster.ts";
import { NatsControlLog } from "../../nats/control-log.ts";
import { NatsErasures } from "../../nats/erasing.ts";
import { NatsEventTap } from "../../nats/event-tap.ts";
import { NatsIntake } from "../../nats/intake.ts";
import { NatsExportFiles, NatsJobStore } from "../../nats/jobs.ts";
import { NatsKeyStore } from "../../nats/keys.ts";
import { NatsLogLookup } from "../../nats/log-lookup.ts";
import type { Names } from "../../nats/names.ts";
import { NatsRejectLog } from "../../nats/reject-log.ts";
import { NatsSeriesStore } from "../../nats/series.ts";
import { RETENTION_DEFAULT, type Retention, SeriesKeeper } from "../../series/keeper.ts";
import { type NatsAudience, openAudience } from "../audience/nats-audience.ts";
import { JobKeeper } from "../jobs/keeper.ts";
import { JOB_SETTINGS_DEFAULT, type JobSettings } from "../jobs/settings.ts";
import { serveQuestions } from "../operations/services.ts";
import { ObservedInLogs } from "../profiles/observed.ts";
import { isLoopback } from "../security/guard.ts";
import { Keyring } from "../security/keyring.ts";
import { SealedCursors } from "../security/sealed-cursors.ts";
import { MACHINE_DEFAULT, NatsCandidates } from "../segments/nats-candidates.ts";
import type { HttpSettings } from "./http-settings.ts";
import type { ApiLog } from "./refusals.ts";
import { buildApi } from "./server.ts";

export interface ListenOptions {
  readonly nc: NatsConnection;
  readonly names: Names;
  readonly partitions: number;
  readonly clock: "log" | "event";
  readonly limits: Limits;
  /** Of the machines that play logs, as the workers' are. */
  readonly machine?: { readonly clockStepMsMax: number; readonly pageBytesMax: number };
  readonly http: HttpSettings;
  readonly host: string;
  readonly port: number;
  readonly natsUrl: string;
  readonly version: string;
  readonly log: ListenLog;
  /** How long time series are kept; by default as the options say. */
  readonly series?: Retention;
  /** How long jobs and exports are kept, and how many; by default as the options say. */
  readonly jobs?: JobSettings;
  /** What is looked up for events, and kept of them; by default as the options are when nobody says anything. */
  readonly door?: PlacesOptions & { readonly keepIp?: boolean };
}

export interface ListenLog extends ApiLog {
  warn(fields: object, message: string): void;
}

export interface RunningApi {
  readonly url: string;
  readonly audience: NatsAudience;
  stop(): Promise<void>;
}

/** Who can reach it could do anything, so it does not listen. */
export class OpenDoor extends Error {
  override readonly name = "OpenDoor";
}

const MAKE_ONE = "rollcall keys create NAME --role admin --personal";
const OPEN = `http: there are no keys yet, so whoever uses this machine may ask and change everything; \`${MAKE_ONE}\` closes the door`;

function openDoor(host: string): OpenDoor {
  return new OpenDoor(
    `HTTP would listen on ${host}, where others reach it, and there is no key yet: anybody could read and change everything. ` +
      `Make one first: \`${MAKE_ONE}\`. It needs the data set's server: of \`npm start\` that runs while HTTP listens on this ` +
      "machine alone (ROLLCALL_HTTP_HOST=127.0.0.1).",
  );
}

export async function listen(options: ListenOptions): Promise<RunningApi> {
  const { series = RETENTION_DEFAULT, machine = MACHINE_DEFAULT, jobs = JOB_SETTINGS_DEFAULT } = options;
  const { nc, names, partitions, clock, limits, http, host, port, natsUrl, version, log, door = {} } = options;
  // A file that cannot be used is told before anything listens.
  const tables = openTables(door);
  const keys = new NatsKeyStore(nc, names);
  const keyring = await Keyring.open(keys);
  if (keyring.isOpen && !isLoopback(host)) {
    keyring.close();
    throw openDoor(host);
  }
  if (keyring.isOpen) log.warn({}, OPEN);
  const cursors = new SealedCursors(await keys.secret());
  const audience = await openAudience({ nc, names, partitions, limits });
  const store = new NatsSeriesStore(nc, names);
  const [jobStore, exportFiles] = [new NatsJobStore(nc, names), new NatsExportFiles(nc, names)];
  const subjectPrefix = names.name === "" ? "" : `${names.name}.`;
  const logs = new NatsLogLookup(nc, names);
  const erasures = new NatsErasures(nc, names);
  const people = { partitions, clock, questions: audience.questions, log: logs };
  const app = buildApi({
    audience,
    people,
    observed: new ObservedInLogs({
      log: logs,
      partitions,
      limits,
      now: () => performance.now(),
      erasures: () => audience.catalogue.erasures,
      progress: erasures,
    }),
    control: new NatsControlLog(nc, names),
    catalogue: audience.catalogue,
    candidates: new NatsCandidates({
      nc,
      names,
      partitions,
      clock,
      limits,
      ...machine,
      catalogue: audience.catalogue,
      questions: audience.questions,
    }),
    keyring,
    cursors,
    audit: new NatsAuditLog(nc, names),
    cluster: new NatsCluster(nc, names),
    rejects: new NatsRejectLog(nc, names, partitions),
    tap: new NatsEventTap(nc, names),
    series: store,
    erasures,
    jobStore,
    exportFiles,
    jobSettings: jobs,
    importLogs: new NatsImportLogs(nc, names, partitions),
    intake: new NatsIntake(nc, names, partitions),
    tables,
    keepIp: door.keepIp ?? false,
    limits,
    clock,
    http,
    natsUrl: withoutSecret(natsUrl),
    subjectPrefix,
    version,
    log,
  });
  await app.listen({ host, port });
  const keeper = new SeriesKeeper({ store, log, ...series });
  const { catalogue } = audience;
  const tidier = new JobKeeper({ store: jobStore, files: exportFiles, catalogue, settings: jobs, log });
  const services = serveQuestions({ nc, names, partitions, audience, people, cursors, version, log });
  const address = app.server.address();
  const actual = typeof address === "object" && address !== null ? address.port : port;
  return {
    url: httpUrl(host, actual),
    audience,
    async stop() {
      await services.stop();
      await app.close();
      await keeper.stop();
      await tidier.stop();
      audience.close();
      keyring.close();
    },
  };
}

/** Where a browser on this machine finds it. */
export function httpUrl(host: string, port: number): string {
  const reachable = host === "0.0.0.0" || host === "::" ? "127.0.0.1" : host;
  return `http://${reachable.includes(":") ? `[${reachable}]` : reachable}:${port}`;
}

/** An address may carry a user and a password, or a token; the first of several is shown. */
function withoutSecret(url: string): string {
  return url
    .split(",")[0]!
    .trim()
    .replace(/\/\/[^/@]*@/, "//");
}
