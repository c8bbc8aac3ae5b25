// Every group of routes, in the order in which the document lists them. A new group is a line here.
import type { RouteGroup } from "../http/api.ts";
import { accountRoutes } from "./accounts.ts";
import { auditRoutes } from "./audit.ts";
import { candidateRoutes } from "./candidates.ts";
import { clusterRoutes } from "./cluster.ts";
import { compareRoutes } from "./compare.ts";
import { decideRoutes } from "./decide.ts";
import { erasureRoutes } from "./erasure.ts";
import { explainRoutes } from "./explain.ts";
import { itemRoutes, situationRoutes } from "./feeds.ts";
import { importRoutes } from "./imports.ts";
import { ingestRoutes } from "./ingest.ts";
import { jobRoutes } from "./jobs.ts";
import { keyRoutes } from "./keys.ts";
import { draftRoutes, lifecycleRoutes } from "./lifecycle.ts";
import { listRoutes, listUploadRoutes } from "./lists.ts";
import { liveRoutes } from "./live.ts";
import { memberRoutes } from "./members.ts";
import { observedRoutes } from "./observed.ts";
import { operationRoutes } from "./operations.ts";
import { pageRoutes } from "./page.ts";
import { profileRoutes } from "./profiles.ts";
import { rejectRoutes } from "./rejects.ts";
import { searchRoutes } from "./search.ts";
import { segmentRoutes } from "./segments.ts";
import { seriesRoutes } from "./series.ts";
import { userRoutes } from "./users.ts";
import { versionRoutes } from "./versions.ts";
import { vocabularyRoutes } from "./vocabulary.ts";

export const GROUPS: readonly RouteGroup[] = [
  segmentRoutes,
  versionRoutes,
  draftRoutes,
  lifecycleRoutes,
  candidateRoutes,
  memberRoutes,
  seriesRoutes,
  compareRoutes,
  vocabularyRoutes,
  listRoutes,
  listUploadRoutes,
  userRoutes,
  accountRoutes,
  profileRoutes,
  searchRoutes,
  observedRoutes,
  explainRoutes,
  decideRoutes,
  itemRoutes,
  situationRoutes,
  liveRoutes,
  pageRoutes,
  keyRoutes,
  auditRoutes,
  erasureRoutes,
  jobRoutes,
  importRoutes,
  clusterRoutes,
  rejectRoutes,
  operationRoutes,
  ingestRoutes,
];

/** What the document says of each tag that routes bear. */
export const TAGS: Readonly<Record<string, string>> = {
  segments: "Which segments there are, what they mean, and who is in them",
  candidates: "What a definition would do, before anybody applies it",
  vocabulary: "What gives events their meaning",
  lists: "Static groups of people or accounts that rules refer to",
  people: "What is known of people and accounts, and why they are where they are",
  decide: "Which segments one person is in, for a page that is being drawn",
  catalogue: "What has been observed: events, properties, traits, values",
  feeds: "What feeds say of items and places",
  live: "What happens now",
  keys: "Who may ask, and who changed what",
  privacy: "Forgetting people and accounts",
  jobs: "Backfills, imports and exports: how far they are, and what came of them",
  operations: "Whether it runs, and how",
  events: "What people do, as the Segment API takes it",
};
