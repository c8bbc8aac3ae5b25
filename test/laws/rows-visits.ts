// Rules about visits and where they came from, and what visit events say of it.
// rows.ts has them in its table; generate.ts puts the contexts into its events.
import type { Json, JsonObject } from "../../lib/core/types.ts";
import type { Dice } from "../support/seed.ts";
import { countTest, maybeWhere, measured, textTest } from "./parts.ts";

const PATHS = ["/", "/a", "/b", "/buy"];
const REFERRERS = [
  "https://www.google.com/search?q=x",
  "https://mail.google.com/",
  "https://News.Blog.example/post",
  "https://shop.example/a",
  "https://a.b.shop.co.uk/",
  "http://10.0.0.1:8080/",
  "android-app://com.example",
  "",
];
const MEDIA = ["direct", "search", "email", "referral", "cpc"];
const CITIES = ["Bonn", "bonn", "Ulm", "Paris"];

export function visit(dice: Dice): JsonObject {
  const of = dice.pick(["duration", "pages", "events", "entry", "channel"]);
  const where = maybeWhere(dice, visitWhere);
  if (!dice.chance(0.2)) return { ...where, ...measured(dice, of, true) };
  return { ...where, [dice.pick(["sum", "avg", "max", "min"])]: { of: "duration", is: durationTest(dice) } };
}

function visitWhere(dice: Dice): JsonObject {
  return dice.pick<() => JsonObject>([
    () => ({ duration: durationTest(dice) }),
    () => ({ duration: durationTest(dice) }),
    () => ({ pages: countTest(dice) }),
    () => ({ events: countTest(dice) }),
    () => ({ entry: pathTest(dice) }),
    () => ({ page: pathTest(dice) }),
    () => ({ channel: dice.pick<Json>(["web", "mobile", { exists: false }]) }),
    () => under("source", sourceTest(dice)),
    () => under("source", sourceTest(dice)),
    () => under("place", placeWhere(dice)),
    () => under("device", deviceWhere(dice)),
  ])();
}

function under(name: string, where: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(where).map(([path, test]) => [`${name}.${path}`, test]));
}

function durationTest(dice: Dice): Json {
  const bound = dice.pick<Json>([0, 1, "1m", "10m", 600_000, "1h"]);
  return dice.pick<Json>([{ gt: bound }, { gte: bound }, { lt: bound }, { lte: bound }]);
}

function pathTest(dice: Dice): Json {
  return dice.pick<Json>([
    dice.pick(PATHS),
    [dice.pick(PATHS), dice.pick(PATHS)],
    { exists: false },
    { startsWith: "/b" },
  ]);
}

export function source(dice: Dice): JsonObject {
  const visitOf = dice.pick(["first", "latest", "current"]);
  const one = under(visitOf, sourceTest(dice));
  return dice.chance(0.2) ? { any: [one, under("current", sourceTest(dice))] } : one;
}

function sourceTest(dice: Dice): JsonObject {
  return dice.pick<() => JsonObject>([
    () => ({ medium: dice.pick<Json>([dice.pick(MEDIA), [dice.pick(MEDIA), "search"], { ne: "direct" }]) }),
    () => ({ name: dice.pick<Json>(["Google", "Gmail", "news", "blog.example", { exists: true }]) }),
    () => ({ campaign: dice.pick<Json>(["summer", "winter", { exists: false }]) }),
    () => ({ domain: dice.pick<Json>(["google.com", { endsWith: "example" }, "shop.co.uk", "10.0.0.1"]) }),
    () => ({ subdomain: dice.pick<Json>(["news", "a.b", { exists: false }]) }),
    () => ({ url: { contains: "example" } }),
    () => ({ term: { exists: true } }),
  ])();
}

export function place(dice: Dice): JsonObject {
  return placeWhere(dice);
}

function placeWhere(dice: Dice): JsonObject {
  return dice.pick<JsonObject>([
    { city: dice.pick(CITIES) },
    { city: { eq: "BONN", fold: true } },
    { country: ["DE", "FR"] },
    { country: { exists: dice.chance(0.5) } },
    { region: { ne: "NW" } },
    { point: { near: { lat: 48.86, lon: 2.35, within: "25mi" } } },
  ]);
}

export function network(dice: Dice): JsonObject {
  return dice.pick<JsonObject>([
    { isp: { contains: "COM", fold: true } },
    { company: textTest(dice) },
    { industry: { startsWith: "51" } },
    { company: { exists: false } },
  ]);
}

export function device(dice: Dice): JsonObject {
  return deviceWhere(dice);
}

function deviceWhere(dice: Dice): JsonObject {
  return dice.pick<JsonObject>([
    { os: "iOS" },
    { os: { ne: "iOS" } },
    { bot: dice.chance(0.5) },
    { browser: { exists: false } },
  ]);
}

/** What a visit event says of the page, the place and the device; mostly little of it. */
export function visitContext(dice: Dice): JsonObject {
  return {
    ...(dice.chance(0.2) ? { campaign: campaignContext(dice) } : {}),
    ...(dice.chance(0.25) ? { page: pageContext(dice) } : {}),
    ...(dice.chance(0.05) ? { referrer: { url: dice.pick(REFERRERS) } } : {}),
    ...(dice.chance(0.15) ? { place: placeContext(dice) } : {}),
    ...(dice.chance(0.1)
      ? { network: { isp: "Comcast", company: dice.pick(["x", "xay"]), industry: dice.pick(["512", "9"]) } }
      : {}),
    ...(dice.chance(0.12)
      ? { device: dice.pick<Json>([{ os: "iOS", bot: false }, { os: "Linux", bot: true }, ["iOS"], null]) }
      : {}),
  };
}

function campaignContext(dice: Dice): Json {
  return dice.pick<Json>([
    { source: "news", medium: "email", name: "summer" },
    { name: "winter", term: "boots" },
    { medium: "cpc", source: "ads", content: "b" },
    { name: "" },
    "summer",
  ]);
}

function pageContext(dice: Dice): JsonObject {
  return {
    ...(dice.chance(0.6) ? { path: dice.pick<Json>([...PATHS, 5]) } : {}),
    ...(dice.chance(0.6) ? { referrer: dice.pick(REFERRERS) } : {}),
    ...(dice.chance(0.5) ? { url: dice.pick(["https://shop.example/", "https://SHOP.example./b", "shop"]) } : {}),
  };
}

function placeContext(dice: Dice): Json {
  return dice.pick<Json>([
    { country: "DE", region: "NW", city: dice.pick(CITIES) },
    { country: "DE" },
    { country: "FR", city: "Paris", point: { lat: 48.86 + dice.next(), lon: 2.35 } },
    { city: 5 },
    [{ city: "Ulm" }],
    null,
  ]);
}
