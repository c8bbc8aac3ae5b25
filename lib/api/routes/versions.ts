// What a segment was: its versions, what differs between two of them, and who changed it when; and back to one of them.
import Type from "typebox";
import { parseDefinition } from "../../core/rules/parse/parse.ts";
import { definitionSentence } from "../../core/rules/words/sentence.ts";
import type { Json, SegmentId } from "../../core/types.ts";
import { moment } from "../audience/shapes.ts";
import type { RouteGroup } from "../http/api.ts";
import { noSegment } from "../http/refusals.ts";
import { Cursor, exact, idOf, limitOf, refusals, SegmentIdIn } from "../schemas/common.ts";
import {
  AppliedOut,
  CandidateIn,
  DiffOut,
  DiffQuery,
  HistoryOut,
  IfMatch,
  OneVersionOut,
  RollbackIn,
  VersionsOut,
} from "../schemas/segments.ts";
import type { Catalogue } from "../segments/catalogue.ts";
import { definitionDiff, sentenceDiff } from "../segments/definition-diff.ts";
import { assertVersion, readable, versionOf } from "../segments/segment-changes.ts";
import { historyOfSegment } from "../segments/segment-history.ts";
import { countIn, pageOfAll } from "../segments/segment-list.ts";
import type { SegmentVersion } from "../segments/versions.ts";
import { answered, applied, detailOf, versionSeen, WAITS } from "./segments.ts";

const VERSIONS_MAX = 200;
const VERSIONS_DEFAULT = 50;
const VersionIn = Type.Integer({
  minimum: 1,
  maximum: 1_000_000_000,
  examples: [1],
  description: "One of its versions.",
});

export const versionRoutes: RouteGroup = (app, services) => {
  const { catalogue, audit, limits } = services;
  const sentenceOf = (source: Json): string | null => {
    const parsed = parseDefinition(source, limits);
    return parsed.ok ? definitionSentence(parsed.definition) : null;
  };

  app.get(
    "/v1/segments/:id/versions",
    {
      config: { needs: "read" },
      schema: {
        tags: ["segments"],
        summary: "Every version of a segment, newest first, and when each was in force",
        params: exact({ id: SegmentIdIn }),
        querystring: exact({ limit: limitOf(VERSIONS_MAX, VERSIONS_DEFAULT), cursor: Cursor }),
        response: { 200: VersionsOut, ...refusals(404) },
      },
    },
    async ({ params: { id }, query: { limit = VERSIONS_DEFAULT, cursor } }) => {
      assertKnown(catalogue, id);
      const page = pageOfAll(catalogue.versions(id), { limit, ...(cursor === undefined ? {} : { cursor }) });
      return { ...page, items: page.items.map(versionOut) };
    },
  );

  app.get(
    "/v1/segments/:id/versions/:version",
    {
      config: { needs: "read" },
      schema: {
        tags: ["segments"],
        summary: "One version of a segment, with its definition",
        params: exact({ id: SegmentIdIn, version: VersionIn }),
        response: { 200: OneVersionOut, ...refusals(404) },
      },
    },
    async ({ params: { id, version } }) => {
      assertKnown(catalogue, id);
      const found = versionOf(catalogue, id, version);
      return { ...versionOut(found), definition: found.source, sentence: sentenceOf(found.source) };
    },
  );

  app.get(
    "/v1/segments/:id/diff",
    {
      config: { needs: "read" },
      schema: {
        tags: ["segments"],
        summary: "What differs between two versions of a segment",
        params: exact({ id: idOf("cart-edited", "The segment's id.") }),
        querystring: DiffQuery,
        response: { 200: DiffOut, ...refusals(404) },
      },
    },
    async ({ params: { id }, query: { from, to } }) => {
      assertKnown(catalogue, id);
      return difference(id, from, to, versionOf(catalogue, id, from).source, versionOf(catalogue, id, to).source);
    },
  );

  app.post(
    "/v1/segments/:id/diff",
    {
      config: { needs: "build" },
      schema: {
        "x-not-audited": "It only asks.",
        tags: ["segments"],
        summary: "What differs between what is in force and a definition that nobody has applied",
        params: exact({ id: SegmentIdIn }),
        body: CandidateIn,
        response: { 200: DiffOut, ...refusals(404, 422) },
      },
    },
    async ({ params: { id }, body: { definition } }) => {
      const entry = assertKnown(catalogue, id);
      readable({ ...definition, id }, limits);
      const before = entry?.definition ?? catalogue.versions(id)[0]!.source;
      return difference(id, entry?.version ?? catalogue.versions(id)[0]!.version, null, before, { ...definition, id });
    },
  );

  app.get(
    "/v1/segments/:id/history",
    {
      config: { needs: "read" },
      schema: {
        tags: ["segments"],
        summary: "Who changed a segment, how, and when; newest first",
        description: "From the log of changes. A page may be short, or empty, and yet have a next one.",
        params: exact({ id: SegmentIdIn }),
        querystring: exact({ limit: limitOf(VERSIONS_MAX, VERSIONS_DEFAULT), cursor: Cursor }),
        response: { 200: HistoryOut, ...refusals(404) },
      },
    },
    async ({ params: { id }, query: { limit = VERSIONS_DEFAULT, cursor } }) => {
      assertKnown(catalogue, id);
      const from = cursor === undefined ? {} : { before: countIn(cursor) };
      const { items, before } = await historyOfSegment(audit, catalogue, id, { limit, ...from });
      return { items, next: before === null ? null : String(before) };
    },
  );

  app.post(
    "/v1/segments/:id/rollback",
    {
      config: { needs: "build" },
      schema: {
        tags: ["segments"],
        summary: "Apply an older version again, as a new one",
        params: exact({ id: idOf("cart-edited", "The segment's id.") }),
        headers: IfMatch,
        body: RollbackIn,
        response: { 200: AppliedOut, ...WAITS, ...refusals(404, 412, 422) },
      },
    },
    async (request, reply) => {
      const { id } = request.params;
      const seen = versionSeen(request.headers["if-match"]);
      assertKnown(catalogue, id);
      const { source } = versionOf(catalogue, id, request.body.version);
      const assertStill = (): void => assertVersion(services, id, seen);
      const done = await applied(services, { definitions: [source], assertStill });
      await request.audit({
        what: "segments.rollback",
        target: id,
        detail: { to: request.body.version, ...detailOf(done) },
      });
      return answered(services, reply, done, { id });
    },
  );

  function difference(id: SegmentId, from: number, to: number | null, before: Json, after: Json) {
    const [was, is] = [sentenceOf(before) ?? "", sentenceOf(after) ?? ""];
    return {
      segment: id,
      from,
      to,
      same: definitionDiff(before, after).change === "same",
      tree: definitionDiff(before, after),
      sentence: { before: was, after: is, parts: sentenceDiff(was, is) },
    };
  }
};

/** Also one that is deleted: its versions remain. */
export function assertKnown(catalogue: Catalogue, id: SegmentId) {
  const entry = catalogue.entry(id);
  if (entry === undefined && catalogue.versions(id).length === 0) throw noSegment(id);
  return entry;
}

function versionOut({ source: _, ...version }: SegmentVersion) {
  const { appliedAt, inForceFrom, inForceUntil } = version;
  const momentOrNull = (at: number | null) => (at === null ? null : moment(at));
  return {
    ...version,
    appliedAt: moment(appliedAt),
    inForceFrom: momentOrNull(inForceFrom),
    inForceUntil: momentOrNull(inForceUntil),
  };
}
