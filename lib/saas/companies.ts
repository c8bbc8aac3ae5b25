// Who uses the sample product: a seeded population of companies on plans and trials, and of the people who work there.
// traffic.ts lets these people loose on the product.
import type { JsonObject, MemberId, Millis } from "../core/types.ts";
import type { Random } from "../scenes/random.ts";

export type Plan = "trial" | "team" | "business";
export type Role = "champion" | "admin" | "member";

export interface Company {
  readonly id: MemberId;
  readonly name: string;
  readonly industry: string;
  /** People who work there, whether they use the product or not. */
  readonly size: number;
  plan: Plan;
  seats: number;
  /** Of a year, in dollars; nothing during a trial. */
  revenue: number;
  /** Days from the start of this run until the trial ends. */
  trialDays: number;
  /** How many invoices they were sent. */
  invoices: number;
}

export interface Person {
  readonly id: MemberId;
  readonly firstName: string;
  readonly channel: "web" | "ios";
  /** Undefined: left, and nobody knows where to. */
  company: Company | undefined;
  role: Role;
}

const COMPANIES: readonly (readonly [name: string, industry: string, size: number])[] = [
  ["Brightpath", "education", 120],
  ["Copperfield", "retail", 900],
  ["Drumlin", "logistics", 340],
  ["Eastgate", "finance", 2_100],
  ["Fernhill", "healthcare", 480],
  ["Greywater", "energy", 1_500],
  ["Harborline", "logistics", 75],
  ["Ironbridge", "manufacturing", 3_200],
  ["Juniper Row", "media", 60],
  ["Kestrel Labs", "software", 45],
  ["Lanternfish", "software", 30],
  ["Millbrook", "education", 210],
  ["Northlight", "media", 95],
  ["Oxbow", "finance", 640],
  ["Pinewood", "retail", 260],
  ["Quillworks", "software", 18],
  ["Redcliff", "manufacturing", 820],
  ["Saltmarsh", "energy", 150],
  ["Tidewell", "healthcare", 390],
  ["Umbra", "software", 55],
  ["Vantage Point", "finance", 1_050],
  ["Westmere", "retail", 140],
  ["Yarrow", "healthcare", 28],
  ["Zephyr Nine", "software", 12],
];

const FIRST_NAMES = (
  "abel,aiko,amara,anton,bea,boris,celia,chidi,dalia,dana,eero,elena,farid,fiona,gita,goran,hugo,ida,imran,iris,jana,jude," +
  "karim,kira,leif,lina,malik,marta,nadia,niko,oona,oscar,petra,priya,quinn,rafael,rhea,ruben,selma,simon,tara,theo,ulla," +
  "viktor,wanda,xenia,yara,zoe"
).split(",");

/** What a seat costs in a year. */
const SEAT_DOLLARS: Readonly<Record<Plan, number>> = { trial: 0, team: 180, business: 420 };
const TRIAL_SEATS = 8;

export function companies(random: Random): Company[] {
  return COMPANIES.map(([name, industry, size], index) => {
    // Every fourth is on a trial; the ends of the trials are spread over two weeks.
    const plan = index % 4 === 0 ? "trial" : random.chance(0.4) ? "business" : "team";
    const seats = plan === "trial" ? TRIAL_SEATS : random.between(6, 12);
    return {
      id: name.toLowerCase().replaceAll(" ", "-"),
      name,
      industry,
      size,
      plan,
      seats,
      revenue: seats * SEAT_DOLLARS[plan],
      trialDays: 1 + 2 * Math.floor(index / 4),
      invoices: 0,
    };
  });
}

/** Everybody who has an account of their own on the first day: a champion and an admin in each company, and some more. */
export function staff(all: readonly Company[], random: Random): Person[] {
  return all.flatMap((company) => {
    const people = random.between(4, Math.min(8, company.seats));
    return Array.from({ length: people }, (_, index) =>
      person(company, index === 0 ? "champion" : index === 1 ? "admin" : "member", index, random),
    );
  });
}

/** `number` tells people of one company apart who have the same first name. */
export function person(company: Company, role: Role, number: number, random: Random): Person {
  const firstName = random.pick(FIRST_NAMES);
  return {
    id: `${firstName}-${company.id}-${number + 1}`,
    firstName: `${firstName[0]!.toUpperCase()}${firstName.slice(1)}`,
    channel: random.chance(0.25) ? "ios" : "web",
    company,
    role,
  };
}

export function subscribe(company: Company, plan: Exclude<Plan, "trial">): void {
  company.plan = plan;
  company.revenue = company.seats * SEAT_DOLLARS[plan];
}

export function tryAgain(company: Company): void {
  company.plan = "trial";
  company.seats = TRIAL_SEATS;
  company.revenue = 0;
  company.trialDays = 14;
}

/** Nobody pays for more seats than there are people. */
export function addSeats(company: Company, seats: number): void {
  company.seats = Math.min(company.size, company.seats + seats);
  company.revenue = company.seats * SEAT_DOLLARS[company.plan];
}

const DAY_MS = 86_400_000;

/** What the books say of a company. A trial's end is a date; who has subscribed has none. */
export function traitsOf(company: Company, start: Millis): JsonObject {
  const { name, industry, size, plan, seats, revenue, trialDays } = company;
  const trialEnds = plan === "trial" ? new Date(start + trialDays * DAY_MS).toISOString().slice(0, 10) : null;
  return { name, industry, size, plan, seats, revenue, trialEnds };
}
