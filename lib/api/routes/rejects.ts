// What was refused: listed, looked at, sent again. The logic is lib/api/operations/rejects.ts.
import type { Json } from "../../core/types.ts";
import type { RejectFilter } from "../../ports/reject-log.ts";
import type { RouteGroup } from "../http/api.ts";
import { cursorOf, isNumber, whereOf } from "../http/cursors.ts";
import { HttpError } from "../http/http-error.ts";
import type { Replay, ShownReject } from "../operations/rejects.ts";
import { exact, refusals } from "../schemas/common.ts";
import {
  RejectOut,
  RejectSeqIn,
  RejectsOut,
  RejectsQuery,
  ReplayIn,
  ReplayOut,
  ReplaysOut,
} from "../schemas/rejects.ts";
import { MASK } from "../security/masking.ts";

const REJECTS_DEFAULT = 50;
const REPLAYED_DEFAULT = 100;

export const rejectRoutes: RouteGroup = (app, { rejected }) => {
  app.get(
    "/v1/rejects",
    {
      config: { needs: "read" },
      schema: {
        tags: ["operations"],
        summary: "What was refused, newest first",
        description: "A search looks at so many at a time, so that a page may hold few and have a next one.",
        querystring: RejectsQuery,
        response: { 200: RejectsOut },
      },
    },
    async ({ query, caller }) => {
      const { limit = REJECTS_DEFAULT, cursor } = query;
      const { items, before } = await rejected.page(filterOf(query), limit, seqOf(cursor));
      return { items: items.map((one) => rejectOut(one, caller.personal)), next: nextOf(before) };
    },
  );

  app.get(
    "/v1/rejects/:seq",
    {
      config: { needs: "read" },
      schema: {
        tags: ["operations"],
        summary: "One that was refused, with its original bytes",
        params: exact({ seq: RejectSeqIn }),
        response: { 200: RejectOut, ...refusals(404) },
      },
    },
    async ({ params: { seq }, caller }) => {
      const found = await rejected.get(numberOf(seq));
      if (found === undefined) throw noReject();
      const body = Buffer.from(found.reject.body);
      const text = body.toString("utf8");
      const isText = Buffer.from(text, "utf8").equals(body);
      const shown = caller.personal
        ? { text: isText ? text : null, base64: body.toString("base64") }
        : { text: MASK, base64: null };
      return { ...rejectOut(found, caller.personal), ...shown };
    },
  );

  app.post(
    "/v1/rejects/:seq/replay",
    {
      config: { needs: "operate" },
      schema: {
        tags: ["operations"],
        summary: "Send one again as a new event, once its cause is gone; it is stored once",
        params: exact({ seq: RejectSeqIn }),
        response: { 200: ReplayOut, ...refusals(404, 409, 422) },
      },
    },
    async (request) => {
      const { seq } = request.params;
      const replay = await rejected.replay(numberOf(seq));
      if (replay === undefined) throw noReject();
      const { kind, ...stored } = sentOrThrow(replay, request.caller.personal);
      await request.audit({ what: "rejects.replay", target: seq, detail: stored });
      return stored;
    },
  );

  app.post(
    "/v1/rejects/replay",
    {
      config: { needs: "operate" },
      schema: {
        tags: ["operations"],
        summary: "Send many again, those of one page; each is stored once",
        body: ReplayIn,
        response: { 200: ReplaysOut },
      },
    },
    async (request) => {
      const { limit = REPLAYED_DEFAULT, cursor, ...rest } = request.body;
      const { before, ...counts } = await rejected.replayPage(filterOf(rest), limit, seqOf(cursor));
      await request.audit({ what: "rejects.replay-many", detail: { ...rest, ...counts } });
      return { ...counts, next: nextOf(before) };
    },
  );
};

interface Asked {
  readonly reason?: string;
  readonly partition?: number;
  readonly since?: string;
  readonly until?: string;
}

function filterOf({ reason, partition, since, until }: Asked): RejectFilter {
  return {
    ...(reason === undefined ? {} : { reason }),
    ...(partition === undefined ? {} : { partition }),
    ...(since === undefined ? {} : { since: momentOf("since", since) }),
    ...(until === undefined ? {} : { until: momentOf("until", until) }),
  };
}

function rejectOut({ reject, replayed }: ShownReject, personal: boolean) {
  const { seq, at, reason, detail, partition, logSeq, bytes, trace } = reject;
  return {
    seq,
    at: new Date(at).toISOString(),
    reason,
    // It may quote what was found.
    detail: personal ? detail : MASK,
    partition,
    logSeq,
    bytes,
    traceparent: trace?.traceparent ?? null,
    replayed: replayed === undefined ? null : { ...replayed, at: new Date(replayed.at).toISOString() },
  };
}

function sentOrThrow(replay: Replay, personal: boolean): Extract<Replay, { kind: "sent" | "already" }> {
  switch (replay.kind) {
    case "sent":
      return replay;
    case "already":
      throw new HttpError(
        409,
        "already-replayed",
        `It was sent again before: message ${replay.seq} of partition ${replay.partition}.`,
      );
    case "refused": {
      const { why, detail } = replay;
      const told = detail === undefined ? why : `${why}: ${personal ? detail : MASK}`;
      throw new HttpError(422, "still-refused", `It would be refused again. ${told}.`);
    }
    case "unsure":
      throw new HttpError(409, "unsure", `${replay.why}.`);
    case "failed":
      throw new HttpError(503, "not-answered", `The log did not take it: ${replay.why}.`);
  }
}

function noReject(): HttpError {
  return new HttpError(404, "unknown-reject", "There is no such reject, or it is older than rejects are kept.");
}

function numberOf(text: string): number {
  return /^[1-9]\d{0,14}$/.test(text) ? Number(text) : Number.MAX_SAFE_INTEGER;
}

function seqOf(cursor: string | undefined): number | undefined {
  return whereOf(cursor, isSeq);
}

function isSeq(where: Json): where is number {
  return isNumber(where) && Number.isSafeInteger(where) && where > 0;
}

function nextOf(before: number | null): string | null {
  return before === null ? null : cursorOf(before);
}

function momentOf(name: string, text: string): number {
  const at = Date.parse(text);
  if (!Number.isNaN(at)) return at;
  throw new HttpError(400, "bad-request", `${name}: it is a moment such as 2026-11-23T10:00:00Z.`);
}
