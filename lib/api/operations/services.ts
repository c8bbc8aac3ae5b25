// The questions of the HTTP interface as endpoints of a NATS service, from the same schemas: `nats micro info rollcall` lists
// them, `nats req ask.v1.decide '{"user":"u1"}'` asks. lib/nats/service.ts speaks the protocol; AsyncAPI describes them from here.
//
// No keys here: the server's permissions say who may ask what (docs/security.md), and who may ask sees personal data.
import type { NatsConnection } from "@nats-io/transport-node";
import type { Static, TSchema } from "typebox";
import Type from "typebox";
import type { Trace } from "../../core/trace.ts";
import type { Names } from "../../nats/names.ts";
import { NatsService, type ServiceRefusal } from "../../nats/service.ts";
import { decided } from "../audience/deciding.ts";
import { columnsAsked, type MemberPlace } from "../audience/members.ts";
import { accountOut, decisionOut, explanationOut, membersOut, userOut } from "../audience/shapes.ts";
import type { ApiServices } from "../http/api.ts";
import { HttpError } from "../http/http-error.ts";
import { assertShallow, inputCompiler } from "../http/input.ts";
import { type ApiLog, noAccount, noSegment, noUser, refusalOf, shown, tooLate } from "../http/refusals.ts";
import { traceField, within } from "../http/tracing.ts";
import { SearchQuery, searched } from "../routes/search.ts";
import { AccountIdIn, Count, exact, mapOf, nullable, SegmentIdIn, UserIdIn } from "../schemas/common.ts";
import { DecideIn, DecisionOut } from "../schemas/decide.ts";
import { ExplanationOut } from "../schemas/explain.ts";
import { MEMBERS_QUERY, MembersOut, memberLimit } from "../schemas/members.ts";
import { AccountOut, UserOut } from "../schemas/people.ts";
import { SearchOut } from "../schemas/search.ts";
import { SEGMENTS_MAX, SegmentsOut, SegmentsQuery } from "../schemas/segments.ts";
import type { Masking } from "../security/masking.ts";
import { segmentsFound } from "../segments/segment-list.ts";

/** What endpoints ask. */
export type Asking = Pick<ApiServices, "audience" | "people" | "cursors">;

export interface QuestionEndpoint {
  readonly name: string;
  readonly summary: string;
  readonly request: TSchema;
  readonly answer: TSchema;
  /** `asked` has been held against the schema of the request. */
  ask(services: Asking, asked: unknown): Promise<unknown>;
}

const DEPTH_MAX = 16;
/** What looks at everybody ends then: whoever asks by NATS waits a second, unless they say otherwise. */
const SCAN_MS_MAX = 10_000;
const UNMASKED: Masking = { personal: true, traitsShown: new Set() };

const { limit, cursor, sort } = MEMBERS_QUERY;

/** By what a segment says of itself; what refers to what is asked over HTTP. */
const SegmentsAsked = (() => {
  const { text, tag, folder, kind, state, hasDraft, limit: most, cursor: from } = SegmentsQuery.properties;
  return exact({ text, tag, folder, kind, state, hasDraft, limit: most, cursor: from });
})();

const SizesOut = exact({
  universe: nullable(Count, { description: "People and accounts known; null while not every partition answers." }),
  sizes: mapOf(nullable(Count), { description: "By segment; null while not every partition answers." }),
});

/** Gives each endpoint's question the type of its schema. */
function endpoint<S extends TSchema>(
  name: string,
  summary: string,
  request: S,
  answer: TSchema,
  ask: (services: Asking, asked: Static<S>) => Promise<unknown>,
): QuestionEndpoint {
  return { name, summary, request, answer, ask: ask as QuestionEndpoint["ask"] };
}

/** A new question is an entry here. */
export const ENDPOINTS: readonly QuestionEndpoint[] = [
  endpoint(
    "decide",
    "Which segments a person is in now, after an event that was just stored",
    DecideIn,
    DecisionOut,
    async ({ audience }, asked) => decisionOut(asked.user, await decided(audience, asked)),
  ),
  endpoint(
    "user",
    "What is known of a person",
    exact({ user: UserIdIn }),
    UserOut,
    async ({ audience }, { user: id }) => {
      const user = await audience.user(id);
      if (user === undefined) throw noUser(id);
      return userOut(user);
    },
  ),
  endpoint(
    "account",
    "What is known of an account",
    exact({ account: AccountIdIn }),
    AccountOut,
    async ({ audience }, { account: id }) => {
      const account = await audience.account(id);
      if (account === undefined) throw noAccount(id);
      return accountOut(account);
    },
  ),
  endpoint(
    "explain",
    "Why a person or an account is in a segment, or is not",
    exact({
      segment: SegmentIdIn,
      id: Type.Union([UserIdIn, AccountIdIn], {
        description: "A user's id, or an account's: the segment's kind says.",
      }),
    }),
    ExplanationOut,
    async ({ audience }, { segment, id }) => {
      if ((await audience.segment(segment)) === undefined) throw noSegment(segment);
      const explanation = await audience.explain(segment, id);
      if (explanation !== undefined) return explanationOut(explanation);
      throw new HttpError(404, "nothing-to-explain", `${shown(id)} is not known, or ${segment} is not active yet.`);
    },
  ),
  endpoint(
    "members",
    "Members of a segment, page by page",
    // Without columns: what is known of people is another question, with another permission.
    exact({ segment: SegmentIdIn, limit, cursor, sort }),
    MembersOut,
    async ({ audience, cursors }, { segment, limit: most, cursor: text, sort: order = "any" }) => {
      const pages = cursors.pagesOf<MemberPlace>("members", segment, order);
      const page = { order, limit: memberLimit(most), from: pages.from(text), ...columnsAsked(undefined) };
      const asked = { ...page, signal: scanTime() };
      const members = await audience.members(segment, asked);
      if (members === undefined) throw noSegment(segment);
      return membersOut(members, pages.next(members.next));
    },
  ),
  endpoint("sizes", "How many are in each segment", exact({}), SizesOut, async ({ audience }) => {
    const { universe, segments } = await audience.overview();
    return { universe, sizes: Object.fromEntries(segments.map(({ id, size }) => [id, size])) };
  }),
  endpoint(
    "segments",
    "Segments with their sizes: all, or those that are looked for",
    SegmentsAsked,
    SegmentsOut,
    async ({ audience }, { limit: most = SEGMENTS_MAX, ...filters }) => {
      const { segments, universe } = await audience.overview();
      return { ...segmentsFound(segments, { ...filters, sort: "id", limit: most }, () => 0), universe };
    },
  ),
  endpoint(
    "search",
    "People and accounts by id, e-mail, telephone, name or trait",
    SearchQuery,
    SearchOut,
    (services, asked) => searched(services, asked, UNMASKED),
  ),
];

export interface ServicesOptions extends Asking {
  readonly nc: NatsConnection;
  readonly names: Names;
  readonly partitions: number;
  readonly version: string;
  readonly log: ApiLog;
}

/** From here on until it is stopped this process answers, beside all others that do. */
export function serveQuestions({ nc, names, partitions, version, log, ...services }: ServicesOptions): NatsService {
  return new NatsService({
    nc,
    name: names.serviceName,
    version,
    description: "Who is in which segment, right now",
    metadata: { partitions: `${partitions}`, asyncapi: "/asyncapi.json" },
    endpoints: ENDPOINTS.map(({ name, summary, request, ask }) => {
      const check = checkOf(request);
      return {
        name,
        subject: names.serviceSubject(name),
        metadata: { summary },
        answer: async (asked, trace) => {
          if (trace !== undefined) log.debug?.({ endpoint: name, ...traceField(trace) }, "nats: asked");
          return within(trace, () => ask(services, check(asked)));
        },
      };
    }),
    refused: (error, trace) => refused(error, trace, log),
  });
}

function scanTime(): AbortSignal {
  const controller = new AbortController();
  setTimeout(() => controller.abort(tooLate()), SCAN_MS_MAX).unref();
  return controller.signal;
}

/** The same check, in the same words, as of the body of a request over HTTP. */
function checkOf(request: TSchema): (asked: unknown) => unknown {
  const validate = inputCompiler({ schema: request, method: "POST", url: "", httpPart: "body" });
  return (asked) => {
    assertShallow(asked, DEPTH_MAX);
    const checked = validate(asked) as { readonly error?: Error; readonly value?: unknown };
    if (checked.error !== undefined) throw checked.error;
    return checked.value;
  };
}

function refused(error: unknown, trace: Trace | undefined, log: ApiLog): ServiceRefusal {
  const { statusCode, code, message, problems } = refusalOf(error as Error);
  if (code === "internal") log.error({ err: error, ...traceField(trace) }, "nats: a question failed");
  return {
    code: statusCode,
    message,
    body: { error: { code, message, ...(problems === undefined ? {} : { problems }) } },
  };
}
