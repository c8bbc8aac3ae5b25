// What a group of routes is given: the application with its types, and the services that it asks. server.ts puts them
// together; each group of lib/api/routes is one function of both.
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { FastifyBaseLogger, FastifyInstance, FastifyTypeProvider } from "fastify";
import type { Static, TSchema } from "typebox";
import type { Limits } from "../../core/types.ts";
import type { Tables } from "../../enrich/enrich.ts";
import type { ImportLogs } from "../../import/log-writer.ts";
import type { AuditLog } from "../../ports/audit.ts";
import type { ClusterBook } from "../../ports/cluster.ts";
import type { ControlLog } from "../../ports/control-log.ts";
import type { Erasures } from "../../ports/erasures.ts";
import type { EventTap } from "../../ports/event-tap.ts";
import type { EventIntake } from "../../ports/intake.ts";
import type { ExportFiles, JobStore } from "../../ports/jobs.ts";
import type { RejectLog } from "../../ports/reject-log.ts";
import type { SeriesStore } from "../../ports/series.ts";
import type { Audience } from "../audience/audience.ts";
import type { JobBook } from "../jobs/book.ts";
import type { Exports } from "../jobs/exporting.ts";
import type { JobRunner } from "../jobs/runner.ts";
import type { JobSettings } from "../jobs/settings.ts";
import type { Operating } from "../operations/operating.ts";
import type { Rejected } from "../operations/rejects.ts";
import type { Observed } from "../profiles/observed.ts";
import type { PeopleSource } from "../profiles/people.ts";
import type { Keyring } from "../security/keyring.ts";
import type { SealedCursors } from "../security/sealed-cursors.ts";
import type { Candidates } from "../segments/candidates.ts";
import type { Catalogue } from "../segments/catalogue.ts";
import type { HttpSettings } from "./http-settings.ts";
import type { Metrics } from "./metrics.ts";
import type { ApiLog } from "./refusals.ts";

/** Input has the types of its schemas. Answers are held against theirs by the contract test, so that what is read-only stays so. */
export interface ApiTypes extends FastifyTypeProvider {
  validator: this["schema"] extends TSchema ? Static<this["schema"]> : unknown;
  serializer: unknown;
}

export type Api = FastifyInstance<Server, IncomingMessage, ServerResponse, FastifyBaseLogger, ApiTypes>;

declare module "fastify" {
  interface FastifySchema {
    /** Why a route that is no GET writes nothing into the log of changes: it asks, or it takes events, which are a log. */
    "x-not-audited"?: string;
  }
}

/** A group of routes; called once while the server is put together. */
export type RouteGroup = (app: Api, services: ApiServices) => void;

export interface ApiServices extends ApiOptions {
  readonly operating: Operating;
  readonly rejected: Rejected;
  readonly metrics: Metrics;
  readonly jobs: JobBook;
  readonly jobRunner: JobRunner;
  readonly exports: Exports;
}

/** What the process brings; tests bring it from memory. */
export interface ApiOptions {
  readonly audience: Audience;
  /** Whom profiles and search ask. */
  readonly people: PeopleSource;
  readonly observed: Observed;
  /** The control log, where vocabulary, items and situations are written. */
  readonly control: ControlLog;
  readonly catalogue: Catalogue;
  readonly candidates: Candidates;
  readonly keyring: Keyring;
  /** Of pages of people. */
  readonly cursors: SealedCursors;
  readonly audit: AuditLog;
  /** Who works, and what is wished of them. */
  readonly cluster: ClusterBook;
  /** What was refused. */
  readonly rejects: RejectLog;
  /** What comes in, for those who watch. */
  readonly tap: EventTap;
  /** Where events go in. */
  readonly intake: EventIntake;
  /** What the door looks up for them, and whether it leaves the address in. */
  readonly tables: Tables;
  readonly keepIp: boolean;
  /** Where the time series of segments are kept. */
  readonly series: SeriesStore;
  readonly erasures: Erasures;
  /** Where jobs are written down, and what exports have made. */
  readonly jobStore: JobStore;
  readonly exportFiles: ExportFiles;
  readonly jobSettings: JobSettings;
  /** The logs that imports go into. */
  readonly importLogs: ImportLogs;
  readonly limits: Limits;
  readonly clock: "log" | "event";
  readonly http: HttpSettings;
  /** Where events go in and deltas come out; shown on the page, without secrets. */
  readonly natsUrl: string;
  /** The data set's prefix of subjects, "" or "shop.". */
  readonly subjectPrefix: string;
  readonly version: string;
  readonly log?: ApiLog;
}
