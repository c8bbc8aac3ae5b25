// HTTP for what the control log carries besides segments: the vocabulary, items of the catalogue, situations at places.
// Parse, check, write, answer with the revision; the checks are vocabulary.ts and feeds.ts.
import type { FastifyInstance, FastifyRequest } from "fastify";
import type { Json, Limits } from "../core/types.ts";
import { vocabularyDocument } from "../core/vocabulary-document.ts";
import type { ControlLog } from "../ports/control-log.ts";
import type { Catalogue } from "./catalogue.ts";
import {
  appendSituation,
  BadFeed,
  type ItemsMode,
  ItemsWriter,
  type KnownSituation,
  readItem,
  readSituation,
  situationsAt,
} from "./feeds.ts";
import { HttpError } from "./http-error.ts";
import { applyVocabulary, planVocabulary, type VocabularyPlan, VocabularyRefused } from "./vocabulary.ts";

/** What these routes read and write. */
export interface WorldOptions {
  readonly control: ControlLog;
  readonly catalogue: Catalogue;
  readonly limits: Limits;
  readonly clock: "log" | "event";
}

/** A feed sends many at once; how large one entry may be, the server says. */
const BODY_BYTES_MAX = 16 * 1024 * 1024;
const SITUATIONS_MAX = 1_000;

export function addWorld(app: FastifyInstance, options: WorldOptions): void {
  app.register(async (routes) => {
    // A page of another site may send a form or plain text without asking; JSON it may not.
    routes.removeContentTypeParser("text/plain");
    routes.addHook("onRequest", async (request) => assertSameSite(request));
    addVocabularyRoutes(routes, options);
    addItemRoutes(routes, options);
    addSituationRoutes(routes, options);
  });
}

/** Browsers name the page that sends; HTTP here has no users, so a page of another site is nobody. */
function assertSameSite({ headers }: FastifyRequest): void {
  const { origin, host } = headers;
  if (origin === undefined || (URL.canParse(origin) && new URL(origin).host === host)) return;
  throw new HttpError(403, "other-site", `A page of ${origin} may not write here.`);
}

// ── vocabulary ──────────────────────────────────────────────────────────────────────────────────────────────────────

function addVocabularyRoutes(app: FastifyInstance, { control, catalogue, limits }: WorldOptions): void {
  app.get("/v1/vocabulary", async () => {
    const { vocabulary, newestVocabulary } = catalogue.state;
    const waits = newestVocabulary !== vocabulary;
    return { vocabulary: vocabularyDocument(vocabulary), waiting: waits ? vocabularyDocument(newestVocabulary) : null };
  });
  app.put("/v1/vocabulary", { bodyLimit: BODY_BYTES_MAX }, async ({ body, query }, reply) => {
    const source = body as Json;
    if ((query as Record<string, unknown>).dryRun !== undefined) {
      const plan = planVocabulary(catalogue, source, limits);
      if (plan.problems.length > 0) throw refused(plan.problems);
      return planOut(plan, null);
    }
    const { plan, revision } = await applyVocabulary(control, catalogue, source, limits).catch((error: unknown) => {
      throw error instanceof VocabularyRefused ? refused(error.problems) : error;
    });
    const waits = revision !== undefined && catalogue.state.pending.has(revision);
    reply.code(waits ? 202 : 200);
    return planOut(plan, revision ?? null);
  });
}

function refused(problems: VocabularyPlan["problems"]): HttpError {
  return new HttpError(422, "bad-vocabulary", "The vocabulary was not applied.", problems);
}

function planOut({ changes, edited, warnings }: VocabularyPlan, revision: number | null) {
  return {
    revision,
    changes: changes.map(({ part, before = null, after = null }) => ({ part, before, after })),
    edited,
    warnings,
  };
}

// ── items ───────────────────────────────────────────────────────────────────────────────────────────────────────────

const MODES: readonly ItemsMode[] = ["merge", "replace", "remove"];

function addItemRoutes(app: FastifyInstance, { control, catalogue, limits }: WorldOptions): void {
  app.get<{ Params: { id: string } }>("/v1/items/:id", async ({ params: { id } }) => {
    const attributes = catalogue.state.catalogue.attributesOf(id);
    if (attributes === undefined) throw new HttpError(404, "unknown-item", "Nothing is known of this item.");
    return { id, attributes };
  });
  app.post("/v1/items", { bodyLimit: BODY_BYTES_MAX }, async ({ body }) => {
    const { mode, items } = itemsOf(body);
    // All are read before any is written: a request is done or not done, as far as its own mistakes go.
    const read = items.map((item, index) => reading(`items[${index}]`, () => readItem(item, limits)));
    const writer = new ItemsWriter(control, catalogue, mode);
    for (const [index, item] of read.entries()) reading(`items[${index}]`, () => writer.assertFits(item));
    for (const item of read) await writer.add(item);
    await writer.end();
    return { revision: catalogue.state.revision, ...writer.told };
  });
}

function itemsOf(body: unknown): { readonly mode: ItemsMode; readonly items: readonly unknown[] } {
  const { mode = "merge", items } = (Array.isArray(body) ? { items: body } : (body ?? {})) as Record<string, unknown>;
  const known = MODES.find((one) => one === mode);
  if (known === undefined || !Array.isArray(items)) {
    throw new HttpError(400, "bad-request", `Send {"mode": one of ${MODES.join(", ")}, "items": [{"id": …, …}]}.`);
  }
  return { mode: known, items };
}

function reading<T>(path: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw error instanceof BadFeed ? badFeed(path, error) : error;
  }
}

function badFeed(path: string, { message }: BadFeed): HttpError {
  return new HttpError(422, "bad-feed", `${path}: ${message}.`, [{ path, message }]);
}

// ── situations ──────────────────────────────────────────────────────────────────────────────────────────────────────

function addSituationRoutes(app: FastifyInstance, { control, catalogue, limits, clock }: WorldOptions): void {
  app.get("/v1/situations", async ({ query }) => {
    const { kind } = query as Record<string, unknown>;
    // Where the clock follows the events nobody here knows what is over.
    const now = clock === "log" ? Date.now() : Number.NEGATIVE_INFINITY;
    const said = situationsAt(catalogue, now).filter((one) => kind === undefined || one.kind === kind);
    return { situations: said.map(situationOut) };
  });
  app.post("/v1/situations", { bodyLimit: BODY_BYTES_MAX }, async ({ body }) => {
    const given = Array.isArray(body) ? body : [body];
    if (given.length > SITUATIONS_MAX) {
      throw new HttpError(413, "too-many", `At most ${SITUATIONS_MAX} situations a request; send several.`);
    }
    const entries = given.map((one, index) =>
      reading(Array.isArray(body) ? `[${index}]` : "situation", () => readSituation(one, limits)),
    );
    let written = 0;
    for (const entry of entries) if ((await appendSituation(control, catalogue, entry)) !== undefined) written += 1;
    return { revision: catalogue.state.revision, written, unchanged: entries.length - written };
  });
}

function situationOut({ kind, place, values, until }: KnownSituation) {
  return { kind, place, values, until: until === null ? null : new Date(until).toISOString() };
}
