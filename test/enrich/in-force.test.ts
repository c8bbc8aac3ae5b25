// An enriched event makes rules on place and device hold, as the engine hears it; and programs find the function by name.
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { enrich, openTables } from "../../lib/enrich/enrich.ts";
import { MachineStory } from "../core/engine/machine-story.ts";

const tables = openTables();
const [IPHONE, DESKTOP] = [
  "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1",
  "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36",
];

test("who comes by a telephone from the US is in; from elsewhere, or at a desk, is out again", () => {
  const story = new MachineStory();
  story.define(
    "00:00",
    "us: {place: {country: US}}\nphone: {device: {type: mobile}}\nnobots: {device: {bot: false}}\nen: {device: {language: {startsWith: en}}}",
  );
  const visit = (stamp: string, ip: string, userAgent: string, context = {}): string[] =>
    story.event(stamp, enrich({ type: "page", userId: "ann", context }, { tables, ip, userAgent }));
  expect(visit("01:00", "10.0.0.1", "")).toEqual([]);
  expect(visit("01:01", "8.8.8.8", IPHONE, { locale: "en-GB" }).sort()).toEqual([
    "+en ann 01:01",
    "+nobots ann 01:01",
    "+phone ann 01:01",
    "+us ann 01:01",
  ]);
  // Of an address that is nowhere nothing new is known: the last place stands.
  expect(visit("01:02", "192.168.1.1", IPHONE, { locale: "en-GB" })).toEqual([]);
  expect(visit("01:03", "200.160.2.3", DESKTOP).sort()).toEqual(["-en ann 01:03", "-phone ann 01:03", "-us ann 01:03"]);
  expect(visit("01:04", "200.160.2.3", "Googlebot/2.1 (+http://www.google.com/bot.html)")).toEqual([
    "-nobots ann 01:04",
  ]);
  expect(story.rejects).toEqual([]);
});

test("what a server claims for a person counts, what a browser claims does not", () => {
  const story = new MachineStory();
  story.define("00:00", "fr: {event: {name: Seen, where: {context.place.country: FR}}}");
  const claim = (stamp: string, channel: string): string[] => {
    const message = { type: "track", event: "Seen", userId: "ann", channel, context: { place: { country: "FR" } } };
    return story.event(stamp, enrich(message, { tables, ip: "8.8.8.8" }));
  };
  expect(claim("01:00", "web")).toEqual([]);
  expect(claim("01:01", "server")).toEqual(["+fr ann 01:01"]);
});

test("`rollcall/enrich` is this function", async () => {
  const { exports } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));
  const source = exports["./enrich"].replace(/^\.\/dist\/(.*)\.js$/, "../../$1.ts");
  expect(await import(source)).toMatchObject({ enrich, openTables });
});
