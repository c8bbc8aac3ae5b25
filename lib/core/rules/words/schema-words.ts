// What the published schema says of each word of the language, and an example of each rule: for editors that show it.
// schema.ts puts them in their places; a test parses the examples.
import type { JsonObject } from "../../types.ts";
import type { RuleName, USERS_MEASURES } from "./grammar.ts";

export const RULE_WORDS: Readonly<Record<RuleName, string>> = {
  all: "Every one holds.",
  any: "At least one holds.",
  none: "None holds.",
  not: "It does not hold.",
  event: "Something happened: a track, page or screen call.",
  item: "An interaction with an item of the catalogue: viewed, added, purchased and so on, as the vocabulary says.",
  order: "A completed order.",
  visit: "A visit: events with no gap as long as the vocabulary's idle time.",
  campaign: "An outcome of a campaign, on site, by e-mail or by advertising.",
  change: "A trait changed its value.",
  sequence: "Steps, one after the other; an absence is decided by time.",
  funnel: "How far somebody came in a funnel of the vocabulary.",
  favorite: "What somebody likes most of a catalog type.",
  trait: "Attributes that are known of a person or an account.",
  object: "Things that a person or an account owns many of, such as leases.",
  identity: "Identifiers by type.",
  anonymous: "No message has carried a user id or another identity yet.",
  place: "Where the last visit was.",
  network: "By which network the last visit came.",
  device: "On what device the last visit was.",
  source: "Where visits came from: the first, the latest, the one under way.",
  cart: "The cart now.",
  engagement: "How engaged somebody is, from 0 to 100, and how that changed in percent.",
  weather: "The weather at a person's place.",
  situation: "Values of a feed for a person's place.",
  clock: "The time now, in the segment's zone.",
  segment: "Members of other segments.",
  list: "People, or accounts, on a static list.",
  bucket: "A stable random position from 0 to 100 percent.",
  account: "The rule, which speaks of accounts, holds for the account that a person is in.",
  users:
    "Of those who are an account's users now, so many, or such a share, pass the rule, which speaks of each of them.",
};

/** One or two of each; the first stands in the documentation, too. */
export const RULE_EXAMPLES: Readonly<Record<RuleName, readonly JsonObject[]>> = {
  all: [{ all: [{ anonymous: false }, { cart: { lines: { gte: 1 } } }] }],
  any: [{ any: [{ trait: { plan: "pro" } }, { segment: { in: ["vip"] } }] }],
  none: [{ none: [{ order: {} }, { list: { in: ["do-not-contact"] } }] }],
  not: [{ not: { trait: { country: "NO" } } }],
  event: [{ event: { name: "Demo Booked", count: { gte: 2 }, window: { last: "30d" } } }],
  item: [{ item: { action: "viewed", type: "category", ids: ["shoes"], count: { gte: 3 } } }],
  order: [{ order: { total: { gte: 500 }, window: { last: "90d" } } }],
  visit: [{ visit: { where: { duration: { gt: "10m" } }, window: { last: "7d" } } }],
  campaign: [{ campaign: { id: "summer", outcome: "clicked", window: { last: "7d" } } }],
  change: [{ change: { trait: "lifecycle", from: "trial", to: "paying", stayed: true } }],
  sequence: [
    {
      sequence: {
        steps: [
          { item: { action: "viewed" } },
          { item: { action: "added" }, within: "2h" },
          { absent: { order: {} }, within: "1d" },
        ],
      },
    },
  ],
  funnel: [{ funnel: { id: "trial", before: "paid" } }],
  favorite: [{ favorite: { type: "category", ids: ["shoes"], by: "views", window: { last: "30d" } } }],
  trait: [{ trait: { plan: "pro", seats: { between: [5, 50] } } }],
  object: [{ object: { type: "lease", where: { active: true }, max: { of: "rent", is: { lt: 1000 } } } }],
  identity: [{ identity: { salesforce: { exists: true } } }],
  anonymous: [{ anonymous: true }],
  place: [{ place: { country: ["US", "CA"] } }],
  network: [{ network: { isp: { contains: "comcast", fold: true } } }],
  device: [{ device: { os: ["iOS", "Android"], bot: false } }],
  source: [{ source: { "first.domain": { endsWith: "google.com" } } }],
  cart: [{ cart: { value: { gt: 0, lt: 100 } } }],
  engagement: [{ engagement: { score: { gte: 70 } } }],
  weather: [{ weather: { condition: "rain", temperature: { lt: 10 } } }],
  situation: [{ situation: { kind: "traffic", where: { delay: { gte: 20 } } } }],
  clock: [{ clock: { weekday: ["sat", "sun"], time: { gte: "09:00" } } }],
  segment: [{ segment: { in: ["vip"], joined: { ago: { gte: "7d" } } } }],
  list: [{ list: { notIn: ["do-not-contact"] } }],
  bucket: [{ bucket: { from: 0, to: 34 } }],
  account: [{ account: { trait: { plan: "enterprise" } } }],
  users: [
    { users: { rule: { event: { name: "Report Viewed", window: { last: "7d" } } }, atLeast: 2 } },
    { users: { rule: { trait: { role: "admin" } }, share: { gt: 50 } } },
  ],
};

/** Keys that say of how many users. */
export const USERS_WORDS: Readonly<Record<"rule" | (typeof USERS_MEASURES)[number], string>> = {
  rule: "What each of the users is asked.",
  atLeast: "So many users, or more.",
  count: "How many users.",
  share: "How many percent of all its users now; missing where there are none.",
};

/** Keys that say which occurrences, or which step. */
export const WHICH_WORDS: Readonly<Record<string, string>> = {
  name: 'One name, "*" for any event, {any: names} taken together, {each: names} the whole rule of each.',
  action: "What was done, as the vocabulary calls it: viewed, added, purchased …",
  type: "A catalog type of the vocabulary: product, category, brand …",
  ids: "Any of these items; left out, any item.",
  outcome: "As the vocabulary calls it: viewed, clicked, opened …",
  id: "Of this campaign alone.",
  experience: "Of this experience alone.",
  trait: "The trait that changed, as a path.",
  from: "A test of the value before.",
  to: "A test of the value after.",
  stayed: "And has not changed since.",
  at: "This is the furthest step reached.",
  before: "This step is not reached.",
  after: "A later step than this is reached.",
};

export const MEASURE_WORDS: Readonly<Record<string, string>> = {
  count: "How many.",
  days: "On how many different local dates.",
  visits: "In how many different visits.",
  sum: "Of the numbers at a path.",
  avg: "Of the numbers at a path.",
  min: "Of the numbers at a path.",
  max: "Of the numbers at a path.",
  distinct: "How many different texts, numbers and booleans at a path.",
  total: "Of orders: their money.",
  average: "Of orders: their money.",
  largest: "Of orders: their money.",
  first: "The first of all time lies there.",
  latest: "The latest lies there.",
};

export const OPERATOR_WORDS: Readonly<Record<string, string>> = {
  eq: "Equal.",
  ne: "The complement of eq: also of what is missing.",
  in: "One of them.",
  notIn: "None of them.",
  exists: "There is a value.",
  gt: "Above.",
  gte: "At least.",
  lt: "Below.",
  lte: "At most.",
  between: "From low to high, both included.",
  contains: "Text that contains it.",
  notContains: "The complement of contains.",
  startsWith: "Text that starts with it.",
  endsWith: "Text that ends with it.",
  like: "The whole text; * is any run, ? one character.",
  includesAll: "Each of them is among the values.",
  has: "One element of the list, an object, passes the whole of it.",
  date: "A date in that window.",
  near: "A point at most so far away.",
  delta: "So much changed, compared with `over` ago.",
};

export const WINDOW_WORDS: Readonly<Record<string, string>> = {
  last: "Not yet so old.",
  ago: "Has turned gte old, and not yet lt.",
  next: "In the coming time: for dates.",
  today: "The local day.",
  calendar: "Whole local days, weeks or months ending with the current one.",
  from: "From a day (included) or an instant.",
  to: "To a day (included) or an instant (not included).",
  visit: "During the visit under way.",
};
