// The sample product's traffic: companies try it, pay for it or do not, and their people come, work, invite others, leave.
// An endless seeded sequence of Segment-spec envelopes, of people and of accounts; lib/scenes/publisher.ts paces it onto NATS.
//
//   the books: every company, everybody's role ──▶ sessions of whoever is online  ──▶ …
//                                                   now and then: invoices, plans, seats, people who change jobs
import type { JsonObject, Millis } from "../core/types.ts";
import { type Random, seededRandom } from "../scenes/random.ts";
import {
  type Envelope,
  type SceneEvent,
  type SceneOptions,
  seedOf,
  timestampOf,
  toAccounts,
  toEvents,
} from "../scenes/scene.ts";
import {
  addSeats,
  type Company,
  companies,
  type Person,
  person,
  staff,
  subscribe,
  traitsOf,
  tryAgain,
} from "./companies.ts";

/** What happens next, before it gets its id, its time and its address. With a person it is theirs, else the company's own. */
interface Act {
  readonly company: Company | undefined;
  readonly person?: Person;
  readonly type: Envelope["type"];
  readonly name?: string;
  readonly channel: string;
  readonly properties?: JsonObject;
  readonly traits?: JsonObject;
}

interface Product {
  readonly random: Random;
  readonly run: string;
  readonly start: Millis;
  readonly companies: readonly Company[];
  readonly people: Person[];
  /** Where much is going on just now: most sessions are theirs. */
  busy: Company[];
  /** Invoices that could not be collected, and after which event they will be. */
  readonly unpaid: { readonly company: Company; readonly invoice: string; readonly paidAfter: number }[];
  /** Companies whose champion has gone, and after which event somebody follows. */
  readonly orphaned: { readonly company: Company; readonly filledAfter: number }[];
  /** Messages so far. */
  count: number;
  /** People who were invited so far. */
  invited: number;
}

interface Session {
  readonly person: Person;
  readonly company: Company | undefined;
  readonly acts: Iterator<Act, void, void>;
}

const BUSY = 4;
const PEOPLE_MAX = 220;
const SHARE_OF_BACK_OFFICE = 0.04;
const SHARE_OF_ROTATION = 0.008;

/** Endless. The same options give the same events (but for the times, which are the clock's). */
export function* saasTraffic(options: SceneOptions): Generator<SceneEvent, never, void> {
  const population = seededRandom(options.seed);
  const all = companies(population);
  const people = staff(all, population);
  const random = seededRandom(seedOf(`${options.seed}/${options.run}`));
  const busy = Array.from({ length: BUSY }, () => random.pick(all));
  const { run } = options;
  const start = options.now();
  const product: Product = {
    random,
    run,
    start,
    companies: all,
    people,
    busy,
    unpaid: [],
    orphaned: [],
    count: 0,
    invited: 0,
  };
  const happening = acts(product, options);
  for (;;) {
    const act = happening.next().value;
    product.count += 1;
    yield message(act, product, options.now());
  }
}

function* acts(product: Product, { online }: SceneOptions): Generator<Act, never, void> {
  yield* books(product);
  const { random } = product;
  const sessions: Session[] = [];
  for (;;) {
    while (sessions.length < online) {
      const who = pickOffline(
        product,
        sessions.map((one) => one.person),
      );
      sessions.push({ person: who, company: who.company, acts: sessionOf(product, who) });
    }
    if (random.chance(SHARE_OF_ROTATION)) product.busy = [...product.busy.slice(1), random.pick(product.companies)];
    if (random.chance(SHARE_OF_BACK_OFFICE)) yield* backOffice(product);
    const index = random.between(0, sessions.length - 1);
    const { person: who, company, acts: session } = sessions[index]!;
    // Who changes jobs is logged out.
    const step = who.company === company ? session.next() : undefined;
    if (step === undefined || step.done === true) sessions.splice(index, 1);
    else yield step.value;
  }
}

/** Two of three sessions are of people in busy companies. */
function pickOffline({ random, people, busy }: Product, online: readonly Person[]): Person {
  const wanted = random.chance(0.67) ? random.pick(busy) : undefined;
  const offline = people.filter((one) => one.company !== undefined && !online.includes(one));
  const there = offline.filter((one) => one.company === wanted);
  return random.pick(there.length > 0 ? there : offline);
}

function message(act: Act, { random, run, count }: Product, now: Millis): SceneEvent {
  const { company, person: who, type, name, channel, properties, traits } = act;
  const named: JsonObject = name === undefined ? {} : type === "track" ? { event: name } : { name };
  const event: Envelope = {
    type,
    ...named,
    ...(who === undefined ? {} : { userId: who.id }),
    // Of a person's messages only the group call names the account: it says where they belong from then on.
    ...(who === undefined || type === "group" ? { groupId: company?.id ?? null } : {}),
    messageId: `saas-${run}-${count}`,
    timestamp: timestampOf(channel, now, random),
    channel,
    ...(properties === undefined ? {} : { properties }),
    ...(traits === undefined ? {} : { traits }),
    context: { library: { name: "rollcall-sample-product", version: "1" } },
  };
  return who === undefined ? toAccounts(company!.id, event) : toEvents(who.id, event);
}

// ── the books ───────────────────────────────────────────────────────────────────────────────────────────────────────────

/** What is known on the first day, as the company's own systems tell it: every account, and who belongs to it. */
function* books({ companies: all, people, start }: Product): Generator<Act, void, void> {
  for (const company of all) {
    yield ofCompany(company, "group", traitsOf(company, start));
    for (const one of people.filter((someone) => someone.company === company)) yield* enrolled(one);
  }
}

function* enrolled(one: Person): Generator<Act, void, void> {
  yield ofPerson(one, "identify", {
    channel: "server",
    traits: { firstName: one.firstName, email: `${one.id}@example.com`, role: one.role },
  });
  yield ofPerson(one, "group", { channel: "server" });
}

function ofCompany(company: Company, type: "group", traits: JsonObject): Act {
  return { company, type, channel: "server", traits };
}

function companyDid(company: Company, name: string, properties: JsonObject): Act {
  return { company, type: "track", name, channel: "server", properties };
}

function ofPerson(
  one: Person,
  type: Act["type"],
  rest: Partial<Pick<Act, "name" | "channel" | "properties" | "traits">>,
): Act {
  return { company: one.company, person: one, type, channel: one.channel, ...rest };
}

function did(one: Person, name: string, properties: JsonObject = {}): Act {
  return ofPerson(one, "track", { name, properties });
}

// ── a session ───────────────────────────────────────────────────────────────────────────────────────────────────────────

function* sessionOf(product: Product, one: Person): Generator<Act, void, void> {
  const { random, start } = product;
  const { company } = one;
  if (company === undefined) return;
  yield did(one, "Logged In", { method: random.chance(0.6) ? "sso" : "password" });
  // The app names the account at the start of a session, with what it knows of it.
  if (random.chance(0.2)) yield ofPerson(one, "group", { traits: pickTraits(traitsOf(company, start)) });
  for (let looks = random.between(1, 3); looks > 0; looks -= 1) {
    yield look(one, random.pick(["Dashboard", "Projects", "Reports", "Team"]));
    yield did(one, "Feature Used", { feature: random.pick(["board", "timeline", "search", "comments"]) });
  }
  if (random.chance(0.35))
    yield did(one, random.pick(["Report Exported", "Integration Connected", "Automation Created"]));
  if (one.role !== "member" && random.chance(0.25)) yield* invites(product, one, company);
  if (random.chance(0.06)) yield did(one, "Ticket Opened", { priority: random.pick(["low", "normal", "high"]) });
  if (random.chance(0.03)) yield look(one, "Cancel Subscription");
}

function pickTraits({ name, plan }: JsonObject): JsonObject {
  return { name: name!, plan: plan! };
}

/** A page on the web is a screen in the app. */
function look(one: Person, name: string): Act {
  const path = `/${name.toLowerCase().replaceAll(" ", "-")}`;
  return ofPerson(one, one.channel === "web" ? "page" : "screen", { name, properties: { path, title: name } });
}

function* invites(product: Product, one: Person, company: Company): Generator<Act, void, void> {
  const { random, people } = product;
  const here = people.filter((someone) => someone.company === company).length;
  if (people.length >= PEOPLE_MAX || here >= company.seats) return;
  product.invited += 1;
  const guest = person(company, "member", 100 + product.invited, random);
  yield did(one, "User Invited", { role: guest.role });
  yield* enrolled(guest);
  yield did(guest, "Invitation Accepted");
  people.push(guest);
}

// ── the back office ─────────────────────────────────────────────────────────────────────────────────────────────────────

/** What the company's own systems report: money, plans, seats, and people who change jobs. */
function* backOffice(product: Product): Generator<Act, void, void> {
  const { random, count, unpaid, orphaned } = product;
  const owing = unpaid.findIndex(({ paidAfter }) => paidAfter <= count);
  if (owing !== -1) {
    const [{ company, invoice }] = unpaid.splice(owing, 1) as [(typeof unpaid)[number]];
    yield companyDid(company, "Invoice Paid", { invoice_id: invoice });
    return;
  }
  const vacant = orphaned.findIndex(({ filledAfter }) => filledAfter <= count);
  if (vacant !== -1) {
    const [{ company }] = orphaned.splice(vacant, 1) as [(typeof orphaned)[number]];
    yield* promotes(product, company);
    return;
  }
  const kind = random.next();
  if (kind < 0.6) yield invoices(product);
  else if (kind < 0.8) yield* changesPlan(product);
  else yield* changesJob(product);
}

function invoices(product: Product): Act {
  const { random, companies: all, unpaid, count } = product;
  const company = random.pick(all.filter(({ plan }) => plan !== "trial"));
  company.invoices += 1;
  const invoice = `${company.id}-${product.run}-${company.invoices}`;
  const amount = Math.round(company.revenue / 12);
  const owes = unpaid.some((one) => one.company === company);
  if (owes || random.chance(0.6)) return companyDid(company, "Invoice Sent", { invoice_id: invoice, amount });
  // Some find their new card soon, some only after they were reminded.
  unpaid.push({ company, invoice, paidAfter: count + random.between(100, 900) });
  return companyDid(company, "Invoice Failed", { invoice_id: invoice, amount, reason: "card_declined" });
}

function* changesPlan(product: Product): Generator<Act, void, void> {
  const { random, companies: all, start } = product;
  const company = random.pick(all);
  if (company.plan !== "trial") addSeats(company, random.between(1, 2));
  else if (random.chance(0.15)) {
    subscribe(company, random.chance(0.3) ? "business" : "team");
    // Another one starts over, so that there are trials for as long as this runs.
    const again = random.pick(all.filter(({ plan }) => plan !== "trial"));
    tryAgain(again);
    yield ofCompany(again, "group", traitsOf(again, start));
  } else company.trialDays += random.chance(0.5) ? 7 : -1;
  // Whoever is asked for another week often enough says no in the end.
  company.trialDays = Math.min(Math.max(1, company.trialDays), 14);
  yield ofCompany(company, "group", traitsOf(company, start));
}

/** A champion takes the product along to the next employer; somebody else just leaves. */
function* changesJob(product: Product): Generator<Act, void, void> {
  const { random, people, companies: all, orphaned, count } = product;
  const one = random.pick(people.filter(({ company, role }) => company !== undefined && role !== "admin"));
  const left = one.company!;
  const colleagues = people.filter(({ company }) => company === left).length;
  if (colleagues < 3) return;
  if (one.role === "member") {
    one.company = undefined;
    yield ofPerson(one, "group", { channel: "server" });
    people.splice(people.indexOf(one), 1);
    return;
  }
  one.company = random.pick(all.filter((company) => company !== left));
  one.role = "member";
  orphaned.push({ company: left, filledAfter: count + random.between(200, 700) });
  yield ofPerson(one, "identify", { channel: "server", traits: { role: one.role } });
  yield ofPerson(one, "group", { channel: "server" });
}

function* promotes({ random, people, orphaned, count }: Product, company: Company): Generator<Act, void, void> {
  const candidates = people.filter((one) => one.company === company && one.role === "member");
  if (candidates.length === 0) {
    orphaned.push({ company, filledAfter: count + 200 });
    return;
  }
  const one = random.pick(candidates);
  one.role = "champion";
  yield ofPerson(one, "identify", { channel: "server", traits: { role: one.role } });
}
