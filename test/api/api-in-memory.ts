// The whole HTTP interface over memory: what its tests ask, and what they look into afterwards.
import type { FastifyInstance } from "fastify";
import { packageVersion } from "../../cmd/cli/package-dir.ts";
import { loadConfig } from "../../config/load.ts";
import { httpSettingsOf } from "../../config/options.ts";
import type { ApiOptions } from "../../lib/api/http/api.ts";
import type { HttpSettings } from "../../lib/api/http/http-settings.ts";
import { buildApi } from "../../lib/api/http/server.ts";
import { JOB_SETTINGS_DEFAULT } from "../../lib/api/jobs/settings.ts";
import { ObservedInLogs } from "../../lib/api/profiles/observed.ts";
import { Keyring } from "../../lib/api/security/keyring.ts";
import type { Role } from "../../lib/api/security/rights.ts";
import { SealedCursors } from "../../lib/api/security/sealed-cursors.ts";
import { Catalogue } from "../../lib/api/segments/catalogue.ts";
import { DEFAULT_LIMITS } from "../../lib/core/types.ts";
import { openTables } from "../../lib/enrich/enrich.ts";
import { ExportFilesInMemory, ImportLogsInMemory, JobsInMemory } from "../support/jobs-in-memory.ts";
import { SeriesInMemory } from "../support/series-in-memory.ts";
import { CandidatesInMemory } from "./candidates-in-memory.ts";
import { ClusterInMemory } from "./cluster-in-memory.ts";
import { ControlInMemory } from "./control-in-memory.ts";
import { FakeAudience, TapInMemory } from "./fake-audience.ts";
import { IntakeInMemory } from "./intake-in-memory.ts";
import { PeopleInMemory } from "./people-in-memory.ts";
import { RejectsInMemory } from "./rejects-in-memory.ts";
import { AuditInMemory, KeysInMemory } from "./security-in-memory.ts";

/** As the options are when nobody says anything. */
export const HTTP_DEFAULTS: HttpSettings = httpSettingsOf(loadConfig({}, {}, "/").config);

/** One for all: the built-in databases are read when an address first asks. */
const TABLES = openTables();

export interface ApiInMemory {
  readonly app: FastifyInstance;
  readonly audience: FakeAudience;
  readonly people: PeopleInMemory;
  readonly control: ControlInMemory;
  readonly catalogue: Catalogue;
  readonly candidates: CandidatesInMemory;
  readonly keyring: Keyring;
  readonly keys: KeysInMemory;
  readonly audit: AuditInMemory;
  readonly tap: TapInMemory;
  readonly intake: IntakeInMemory;
  readonly cluster: ClusterInMemory;
  readonly rejects: RejectsInMemory;
  readonly jobStore: JobsInMemory;
  readonly exportFiles: ExportFilesInMemory;
  readonly importLogs: ImportLogsInMemory;
  /** Makes a key; the first one closes the door. Gives the header that sends it. */
  header(role: Role, personal?: boolean): Promise<{ authorization: string }>;
  close(): Promise<void>;
}

export async function apiInMemory(
  http: Partial<HttpSettings> = {},
  options: Partial<ApiOptions> = {},
): Promise<ApiInMemory> {
  const audience = new FakeAudience();
  const control = new ControlInMemory();
  const catalogue = await Catalogue.open(control, DEFAULT_LIMITS);
  const candidates = new CandidatesInMemory(catalogue);
  const keys = new KeysInMemory();
  const keyring = await Keyring.open(keys);
  const audit = new AuditInMemory();
  const tap = new TapInMemory();
  const intake = new IntakeInMemory();
  const people = new PeopleInMemory();
  const cluster = new ClusterInMemory();
  const rejects = new RejectsInMemory();
  const [jobStore, exportFiles, importLogs] = [new JobsInMemory(), new ExportFilesInMemory(), new ImportLogsInMemory()];
  const app = buildApi({
    audience,
    people,
    observed: new ObservedInLogs({
      log: people.log,
      partitions: people.partitions,
      limits: DEFAULT_LIMITS,
      now: () => performance.now(),
      erasures: () => catalogue.erasures,
      progress: { phases: async () => new Map() },
    }),
    control,
    catalogue,
    candidates,
    keyring,
    cursors: new SealedCursors(await keys.secret()),
    audit,
    tap,
    rejects,
    intake,
    tables: TABLES,
    keepIp: false,
    series: new SeriesInMemory(),
    erasures: { phases: async () => new Map(), outOfControlLog: async () => new Set() },
    jobStore,
    exportFiles,
    jobSettings: JOB_SETTINGS_DEFAULT,
    importLogs,
    cluster,
    limits: DEFAULT_LIMITS,
    clock: "log",
    http: { ...HTTP_DEFAULTS, ...http },
    natsUrl: "nats://127.0.0.1:4222",
    subjectPrefix: "",
    version: packageVersion(),
    ...options,
  });
  return {
    app,
    audience,
    people,
    control,
    catalogue,
    candidates,
    keyring,
    keys,
    audit,
    tap,
    intake,
    cluster,
    rejects,
    jobStore,
    exportFiles,
    importLogs,
    async header(role, personal = false) {
      const { text } = await keyring.create({ name: role, role, personal }, "test");
      return { authorization: `Bearer ${text}` };
    },
    async close() {
      await app.close();
      catalogue.stop();
      keyring.close();
    },
  };
}
