// The parts of a profile, each a route of its own: what people and accounts did, have, are in, and nearly are in.
// users.ts and accounts.ts give the whole at a glance.
import Type from "typebox";
import { partitionOf } from "../../core/ids.ts";
import type { HistoryView, UserView } from "../../core/partition.ts";
import type { JsonObject, MemberId, MemberKind } from "../../core/types.ts";
import type { QuestionAbout } from "../../ports/questions.ts";
import type { Api, ApiServices, RouteGroup } from "../http/api.ts";
import { cursorOf, isNumber, isPair, isText, whereOf } from "../http/cursors.ts";
import { noAccount, noUser } from "../http/refusals.ts";
import { eventsIn } from "../profiles/log-events.ts";
import { campaignsOf, computedTraits, ordersShown, seenIn, sentTraits } from "../profiles/profile-parts.ts";
import {
  campaignOut,
  eventOut,
  nearOut,
  orderOut,
  seenOut,
  sessionOut,
  standingOut,
  traitOut,
} from "../profiles/profile-shapes.ts";
import { eventsOfTrail, timelineOf } from "../profiles/timeline.ts";
import { AccountIdIn, Cursor, exact, limitOf, refusals, UserIdIn } from "../schemas/common.ts";
import {
  AffinitiesOut,
  CampaignsOut,
  CartOut,
  EventsOut,
  NameIn,
  NearOut,
  OrdersOut,
  PlacesOut,
  SessionsOut,
  StandingsOut,
  TraitsOut,
} from "../schemas/profiles.ts";
import { eventMasked, nearMasked, orderMasked, traitMasked, userMasked, valuesMasked } from "../security/masking.ts";

const PAGE_DEFAULT = 50;
const PAGE_MAX = 500;
/** Each costs a look-up in the log. */
const ORDERS_MAX = 100;
/** Visits looked at for places and devices. */
const VISITS_LOOKED_MAX = 1_000;

const WORDS = {
  user: { path: "users", id: UserIdIn, whose: "a person", unknown: noUser },
  account: { path: "accounts", id: AccountIdIn, whose: "an account", unknown: noAccount },
} as const;

export const profileRoutes: RouteGroup = (app, services) => {
  for (const kind of ["user", "account"] as const) {
    const parts = new Parts(app, services, kind);
    parts.traits();
    parts.events();
    parts.sessions();
    parts.orders();
    parts.affinities();
    parts.segments();
    parts.nearMisses();
    parts.campaigns();
    parts.places();
  }
  cart(app, services);
};

class Parts {
  private readonly app: Api;
  private readonly services: ApiServices;
  private readonly kind: MemberKind;
  private readonly params;

  constructor(app: Api, services: ApiServices, kind: MemberKind) {
    this.app = app;
    this.services = services;
    this.kind = kind;
    this.params = exact({ id: WORDS[kind].id });
  }

  traits(): void {
    const schema = this.schema(TraitsOut, "Traits of", "with when and by which message each was written");
    this.app.get(
      this.url("traits"),
      { config: { needs: "read" }, schema: { ...schema, params: this.params } },
      async (request) => {
        const { id } = request.params;
        const [view, history, orders] = await Promise.all([
          this.view(id),
          this.history(id),
          this.about({ op: "orders", kind: this.kind, id, limit: 1 }),
        ]);
        const events = await eventsOfTrail(
          this.services.people,
          { kind: this.kind, id },
          history,
          this.services.limits,
        );
        const known = { ...view, visits: view.visits.count, orders: orders.orders! };
        const all = [...sentTraits(view.traits, history, events, this.kind), ...computedTraits(known)];
        return {
          items: all.map((trait) => traitOut(traitMasked(trait, request.masking))),
          timezone: request.masking.personal ? history.zone : valuesMasked(history.zone),
        };
      },
    );
  }

  events(): void {
    const { kind } = this;
    const schema = this.schema(EventsOut, "What", "did, newest first");
    const asked = { limit: limitOf(PAGE_MAX, PAGE_DEFAULT), cursor: Cursor, name: NameIn };
    const user = Type.Optional(
      Type.String({ minLength: 1, maxLength: 1_024, description: "Only what this user did." }),
    );
    const querystring = exact(kind === "user" ? asked : { ...asked, user });
    this.app.get(
      this.url("events"),
      { config: { needs: "read" }, schema: { ...schema, params: this.params, querystring } },
      async (request) => {
        const { id } = request.params;
        const { limit = PAGE_DEFAULT, ...rest } = request.query as {
          limit?: number;
          cursor?: string;
          name?: string;
          user?: string;
        };
        const found = await timelineOf(this.services.people, { kind, id }, { limit, ...rest }, this.services.limits);
        if (found === undefined) throw WORDS[kind].unknown(id);
        const { events, next, scanned } = found;
        return { items: events.map((event) => eventOut(eventMasked(event, request.masking))), next, scanned };
      },
    );
  }

  sessions(): void {
    const { kind } = this;
    const schema = this.schema(SessionsOut, "Visits of", "newest first");
    const querystring = exact({ limit: limitOf(PAGE_MAX, PAGE_DEFAULT), cursor: Cursor });
    this.app.get(
      this.url("sessions"),
      { config: { needs: "read" }, schema: { ...schema, params: this.params, querystring } },
      async (request) => {
        const { limit = PAGE_DEFAULT, cursor } = request.query;
        const before = whereOf(cursor, isNumber);
        const question = {
          op: "visits",
          kind,
          id: request.params.id,
          limit,
          ...(before === undefined ? {} : { before }),
        } as const;
        const { count, visits, more } = (await this.about(question)).visits!;
        return {
          count,
          items: visits.map((visit) =>
            sessionOut(request.masking.personal ? visit : { ...visit, visit: valuesMasked(visit.visit) }),
          ),
          next: more ? cursorOf(visits.at(-1)!.start) : null,
        };
      },
    );
  }

  orders(): void {
    const { kind } = this;
    const schema = this.schema(OrdersOut, "Orders of", "with what has become of each, newest first");
    const querystring = exact({ limit: limitOf(ORDERS_MAX, PAGE_DEFAULT), cursor: Cursor });
    this.app.get(
      this.url("orders"),
      { config: { needs: "read" }, schema: { ...schema, params: this.params, querystring } },
      async (request) => {
        const { id } = request.params;
        const { limit = PAGE_DEFAULT, cursor } = request.query;
        const before = whereOf(cursor, isPair);
        const question = { op: "orders", kind, id, limit, ...(before === undefined ? {} : { before }) } as const;
        const orders = (await this.about(question)).orders!;
        const { people, limits } = this.services;
        const whose = { kind, id };
        const seqs = [...new Set(orders.orders.map(({ seq }) => seq))];
        const [records, recent] = await Promise.all([
          people.log.at(partitionOf(id, people.partitions), seqs),
          this.history(id).then((history) => eventsOfTrail(people, whose, history, limits)),
        ]);
        const completions = records.flatMap((record) => (record === undefined ? [] : eventsIn(record, whose, limits)));
        const { orders: page, more, ...totals } = orders;
        const last = page.at(-1);
        return {
          ...totals,
          items: ordersShown(orders, completions, recent).map((order) => orderOut(orderMasked(order, request.masking))),
          next: more && last !== undefined ? cursorOf([last.at, last.seq]) : null,
        };
      },
    );
  }

  affinities(): void {
    const schema = this.schema(AffinitiesOut, "Favourites of", "as rules keep them");
    this.app.get(
      this.url("affinities"),
      { config: { needs: "read" }, schema: { ...schema, params: this.params } },
      async (request) => {
        const { affinities } = await this.view(request.params.id);
        return { items: affinities ?? [] };
      },
    );
  }

  segments(): void {
    const { kind } = this;
    const schema = this.schema(StandingsOut, "Segments that", "is in, or was in, since when and until when");
    this.app.get(
      this.url("segments"),
      { config: { needs: "read" }, schema: { ...schema, params: this.params } },
      async (request) => {
        const { standing } = await this.about({ op: "standing", kind, id: request.params.id });
        return { items: standing!.map((one) => standingOut(one, this.nameOf(one.segment))) };
      },
    );
  }

  nearMisses(): void {
    const { kind } = this;
    const schema = this.schema(NearOut, "Segments that", "is not in for one rule only");
    const querystring = exact({ limit: limitOf(PAGE_MAX, PAGE_DEFAULT), cursor: Cursor });
    this.app.get(
      this.url("near-misses"),
      { config: { needs: "read" }, schema: { ...schema, params: this.params, querystring } },
      async (request) => {
        const { limit = PAGE_DEFAULT, cursor } = request.query;
        const after = whereOf(cursor, isText);
        const question = {
          op: "near",
          kind,
          id: request.params.id,
          limit,
          ...(after === undefined ? {} : { after }),
        } as const;
        const { near, looked, next } = (await this.about(question)).near!;
        return {
          items: near.map((one) => nearOut(nearMasked(one, request.masking), this.nameOf(one.segment))),
          next: next === null ? null : cursorOf(next),
          looked,
        };
      },
    );
  }

  campaigns(): void {
    const { kind } = this;
    const schema = this.schema(CampaignsOut, "Campaigns that", "was sent, opened, clicked: by their newest messages");
    this.app.get(
      this.url("campaigns"),
      { config: { needs: "read" }, schema: { ...schema, params: this.params } },
      async (request) => {
        const { id } = request.params;
        const history = await this.history(id);
        const events = await eventsOfTrail(this.services.people, { kind, id }, history, this.services.limits);
        const { campaigns } = this.services.catalogue.state.vocabulary;
        return {
          items: campaignsOf(events, campaigns).map(campaignOut),
          messages: history.trail.length,
          complete: history.isWhole,
        };
      },
    );
  }

  places(): void {
    const { kind } = this;
    const schema = this.schema(PlacesOut, "Places and devices of", "by their newest visits");
    this.app.get(
      this.url("places"),
      { config: { needs: "read" }, schema: { ...schema, params: this.params } },
      async (request) => {
        const question = { op: "visits", kind, id: request.params.id, limit: VISITS_LOOKED_MAX } as const;
        const visits = (await this.about(question)).visits!;
        const shown = (what: "place" | "device") =>
          seenIn(visits, what).map((seen) => {
            const record: JsonObject = request.masking.personal ? seen.record : valuesMasked(seen.record);
            return seenOut({ ...seen, record });
          });
        return { places: shown("place"), devices: shown("device"), visits: visits.visits.length };
      },
    );
  }

  // ── asking ────────────────────────────────────────────────────────────────────────────────────────────────────────

  private url(part: string): string {
    return `/v1/${WORDS[this.kind].path}/:id/${part}`;
  }

  private schema<T>(out: T, before: string, after: string) {
    const summary = `${before} ${WORDS[this.kind].whose}, ${after}`;
    return { tags: ["people"], summary, response: { 200: out, ...refusals(404) } };
  }

  private nameOf(segment: string): string {
    return this.services.catalogue.entry(segment)?.name ?? segment;
  }

  private async view(id: MemberId) {
    const { audience } = this.services;
    const view = this.kind === "user" ? await audience.user(id) : await audience.account(id);
    if (view === undefined) throw WORDS[this.kind].unknown(id);
    return view;
  }

  private async history(id: MemberId): Promise<HistoryView> {
    return (await this.about({ op: "history", kind: this.kind, id })).history!;
  }

  /** Refused where nobody knows the id, so the part is there. */
  private async about<Q extends QuestionAbout>(question: Q) {
    const answer = await this.services.people.questions.about(question);
    if ((answer as unknown as Record<string, unknown>)[question.op] === null)
      throw WORDS[this.kind].unknown(question.id);
    return answer;
  }
}

function cart(app: Api, { audience, catalogue }: ApiServices): void {
  app.get(
    "/v1/users/:id/cart",
    {
      config: { needs: "read" },
      schema: {
        tags: ["people"],
        summary: "What is in the cart of a person",
        params: exact({ id: UserIdIn }),
        response: { 200: CartOut, ...refusals(404) },
      },
    },
    async (request) => {
      const { id } = request.params;
      const user = await audience.user(id);
      if (user === undefined) throw noUser(id);
      return { currency: catalogue.state.vocabulary.currency, ...cartOf(userMasked(user, request.masking)) };
    },
  );
}

function cartOf({ cart }: UserView) {
  const { value, quantity, changed, products } = cart as Record<string, unknown>;
  return { value, quantity, changed, products };
}
