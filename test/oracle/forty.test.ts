// The forty rules of Marketing Cloud Personalization, as docs/rules.md writes them: each definition of its table has a story
// here, told to the oracle and to the engine. Who is in before, who after, and both announce the same.
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import type { Json } from "../../lib/core/types.ts";
import { MachineStory } from "../core/engine/machine-story.ts";
import { Story } from "./story.ts";

interface Told {
  /** What happened before the definition was applied, at +40 00:00. */
  readonly history: (story: Story) => void;
  readonly before: readonly string[];
  /** What happens after. */
  readonly later: (story: Story) => void;
  readonly after: readonly string[];
  /** Segments that are there beside it, as YAML. */
  readonly beside?: readonly string[];
  readonly vocabulary?: Json;
}

const page = readFileSync(new URL("../../docs/rules.md", import.meta.url), "utf8");

/** The definitions of the table by their number, as they are written there. */
function definitionsOfTable(): Map<string, string[]> {
  const rows = page.matchAll(/^\| (\d+) \| [^|]+ \| ([^|]+) \| [^|]+ \|$/gm);
  return new Map(
    Array.from(rows, ([, number, here]) => [number!, Array.from(here!.matchAll(/`([^`]+)`/g), ([, text]) => text!)]),
  );
}

function times(count: number, tell: (index: number) => void): void {
  for (let index = 0; index < count; index += 1) tell(index);
}

const viewed = (story: Story, stamp: string, id: string, context: Json = {}, rest: object = {}): void => {
  story.event(stamp, { type: "page", userId: id, context, ...rest });
};

/** A visit of so many minutes. */
function visited(story: Story, stamp: string, end: string, id: string): void {
  viewed(story, stamp, id);
  viewed(story, end, id);
}

const at = (place: Json): Json => ({ place });
const by = (network: Json): Json => ({ network });
const order = (story: Story, stamp: string, id: string, total: number, more: object = {}): void => {
  story.track(stamp, id, "Order Completed", { order_id: `${id}-${stamp}`, total, ...more } as Json);
};
const product = (id: string, category: string, price = 10, quantity = 1) => ({
  product_id: id,
  category,
  price,
  quantity,
});
const lease = (story: Story, stamp: string, id: string, leaseId: string, attributes: object): void => {
  story.track(stamp, id, "Object Set", { type: "lease", id: leaseId, ...attributes } as Json);
};

const TRIAL: Json = {
  funnels: {
    trial: {
      steps: [
        { name: "signed-up", event: { name: "Signed Up" } },
        { name: "invited", event: { name: "Invited" } },
        { name: "paid", order: {} },
      ],
    },
  },
};
const ACTIONS: Json = { engagement: { cycle: "7d", parts: [{ weight: 100, full: 10, event: ["A"] }] } };

/** By number, in the order of the definitions of that row. */
const STORIES: Readonly<Record<number, readonly Told[]>> = {
  1: [
    {
      history: (s) => {
        const shown = (id: string, experience_id: string) =>
          s.track("+39 10:00", id, "Campaign Viewed", { campaign_id: "summer", experience_id });
        times(3, () => shown("ann", "b"));
        times(2, () => shown("bo", "b"));
        times(3, () => shown("cy", "a"));
      },
      before: ["ann"],
      later: (s) => s.track("+40 10:00", "bo", "Campaign Viewed", { campaign_id: "summer", experience_id: "b" }),
      after: ["ann", "bo"],
    },
  ],
  2: [
    {
      history: (s) => {
        s.track("+35 10:00", "ann", "Campaign Clicked", { campaign_id: "summer" });
        s.track("+35 10:00", "cy", "Campaign Viewed", { campaign_id: "summer" });
      },
      before: ["ann"],
      later: (s) => {
        s.track("+41 10:00", "bo", "Campaign Clicked", { campaign_id: "summer" });
        s.tick("+42 11:00");
      },
      after: ["bo"],
    },
  ],
  3: [
    {
      // ann lies at 78 %, bo at 19 %, di at 4 %.
      history: (s) => {
        for (const id of ["ann", "bo"]) s.identify("+39 10:00", id, {});
      },
      before: ["bo"],
      later: (s) => {
        s.identify("+40 10:00", "di", {});
        s.track("+40 10:00", "ann", "A");
      },
      after: ["bo", "di"],
    },
  ],
  4: [
    {
      history: (s) => {
        s.track("+20 10:00", "ann", "A");
        viewed(s, "+20 10:00", "ann");
        s.track("+20 10:00", "bo", "A");
        times(2, () => s.track("+1 10:00", "cy", "A", {}, { at: "+1 10:00" }));
      },
      before: ["ann"],
      later: (s) => {
        viewed(s, "+40 10:00", "bo");
        s.tick("+50 11:00");
      },
      after: [],
    },
    {
      history: (s) => {
        s.track("+20 10:00", "ann", "Demo Booked");
        s.track("+20 10:00", "ann", "Docs Read");
        s.track("+20 10:00", "bo", "Docs Read");
      },
      before: ["ann"],
      later: (s) => s.track("+40 10:00", "bo", "Docs Read"),
      after: ["ann", "bo"],
    },
    {
      history: (s) => {
        times(2, () => s.track("+20 10:00", "ann", "Demo Booked"));
        times(2, () => s.track("+20 10:00", "ann", "Docs Read"));
        times(4, () => s.track("+20 10:00", "bo", "Docs Read"));
        s.track("+20 10:00", "bo", "Demo Booked");
      },
      before: ["ann"],
      later: (s) => s.track("+40 10:00", "bo", "Demo Booked"),
      after: ["ann", "bo"],
    },
    {
      history: (s) => {
        s.track("+20 10:00", "ann", "Demo Booked");
        s.track("+20 10:00", "bo", "Docs Read");
      },
      before: ["bo"],
      later: (s) => {
        s.track("+40 10:00", "bo", "Demo Booked");
        s.track("+40 10:00", "cy", "A");
      },
      after: ["cy"],
    },
  ],
  5: [
    {
      history: (s) => {
        s.track("+39 10:00", "ann", "Docs Read");
        s.track("+30 10:00", "bo", "Demo Booked");
      },
      before: ["bo"],
      later: (s) => {
        s.track("+40 10:00", "bo", "Docs Read");
        s.tick("+46 11:00");
      },
      after: ["ann"],
    },
  ],
  6: [
    {
      history: (s) => {
        s.track("+38 10:00", "ann", "Signed Up");
        s.track("+10 10:00", "bo", "Signed Up");
        s.track("+38 10:00", "bo", "Signed Up");
      },
      before: ["ann"],
      later: (s) => {
        s.track("+44 10:00", "cy", "Signed Up");
        s.tick("+45 11:00");
      },
      after: ["cy"],
    },
  ],
  7: [
    {
      history: (s) => {
        times(5, () => viewed(s, "+40 00:00", "ann"));
        times(5, () => viewed(s, "+39 23:00", "bo", {}, { timestamp: "2026-12-11T23:00:00Z" }));
      },
      before: ["ann"],
      later: (s) => {
        s.tick("+41 00:00");
        times(5, () => viewed(s, "+41 10:00", "bo"));
        times(4, () => viewed(s, "+41 10:00", "cy"));
      },
      after: ["bo"],
    },
  ],
  8: [
    {
      history: (s) => {
        s.identify("+39 10:00", "ann", { lifecycle: "trial" });
        s.identify("+39 10:00", "bo", { lifecycle: "paying" });
      },
      before: ["ann"],
      later: (s) => {
        s.identify("+40 10:00", "ann", { lifecycle: "paying" });
        s.identify("+40 10:00", "bo", { lifecycle: "trial" });
      },
      after: ["bo"],
    },
  ],
  9: [
    {
      history: (s) => {
        for (const id of ["ann", "bo", "cy"]) s.identify("+20 10:00", id, { lifecycle: "trial" });
        for (const id of ["ann", "bo"]) s.identify("+21 10:00", id, { lifecycle: "paying" });
        s.identify("+22 10:00", "bo", { lifecycle: "lapsed" });
      },
      before: ["ann"],
      later: (s) => {
        s.identify("+50 10:00", "cy", { lifecycle: "paying" });
        s.tick("+51 11:00");
      },
      after: ["cy"],
    },
  ],
  10: [
    {
      history: (s) => {
        for (const day of [20, 21, 22]) viewed(s, `+${day} 10:00`, "ann");
        times(3, (index) => viewed(s, `+23 10:0${index}`, "bo"));
        for (const day of [24, 25]) viewed(s, `+${day} 10:00`, "bo");
        for (const day of [26, 27]) viewed(s, `+${day} 10:00`, "cy");
      },
      before: ["ann", "bo"],
      later: (s) => {
        viewed(s, "+40 10:00", "cy");
        s.tick("+50 11:00");
      },
      after: ["bo", "cy"],
    },
  ],
  11: [
    {
      history: (s) => {
        visited(s, "+38 10:00", "+38 10:11", "ann");
        visited(s, "+38 11:00", "+38 11:10", "bo");
      },
      before: ["ann"],
      later: (s) => {
        visited(s, "+40 10:00", "+40 10:20", "cy");
        s.tick("+45 12:00");
      },
      after: ["cy"],
    },
    {
      history: (s) => {
        for (const hour of [10, 12, 14]) visited(s, `+38 ${hour}:00`, `+38 ${hour}:25`, "ann");
        for (const hour of [16, 18]) visited(s, `+38 ${hour}:00`, `+38 ${hour}:29`, "bo");
      },
      before: ["ann"],
      later: (s) => visited(s, "+40 10:00", "+40 10:05", "bo"),
      after: ["ann", "bo"],
    },
  ],
  12: [
    {
      history: (s) => {
        viewed(s, "+20 10:00", "bo");
        viewed(s, "+30 10:00", "ann");
      },
      before: ["ann"],
      later: (s) => {
        viewed(s, "+40 10:00", "bo");
        s.tick("+44 11:00");
      },
      after: ["bo"],
    },
    {
      history: (s) => {
        viewed(s, "+20 10:00", "bo");
        viewed(s, "+30 10:00", "ann");
      },
      before: ["bo"],
      later: (s) => {
        viewed(s, "+40 10:00", "bo");
        s.tick("+44 11:00");
      },
      after: ["ann"],
    },
  ],
  13: [
    {
      history: (s) => {
        viewed(s, "+20 10:00", "bo");
        viewed(s, "+35 10:00", "ann");
        viewed(s, "+35 10:00", "bo");
      },
      before: ["ann"],
      later: (s) => {
        viewed(s, "+40 10:00", "cy");
        s.tick("+42 11:00");
      },
      after: ["cy"],
    },
  ],
  14: [
    {
      history: (s) => {
        viewed(s, "+20 10:00", "ann", {}, { channel: "mobile" });
        viewed(s, "+20 10:00", "bo", {}, { channel: "web" });
      },
      before: ["ann"],
      later: (s) => {
        viewed(s, "+40 10:00", "bo", {}, { channel: "mobile" });
        s.tick("+50 11:00");
      },
      after: ["bo"],
    },
  ],
  15: [
    {
      history: (s) => {
        viewed(s, "+20 10:00", "ann", { page: { referrer: "https://www.google.com/search" } });
        viewed(s, "+21 10:00", "ann", { page: { referrer: "https://news.example.org/" } });
        viewed(s, "+22 10:00", "bo", { page: { referrer: "https://news.example.org/" } });
        viewed(s, "+23 10:00", "bo", { page: { referrer: "https://www.google.com/" } });
      },
      before: ["ann"],
      later: (s) => viewed(s, "+40 10:00", "cy", { referrer: { url: "https://google.com/" } }),
      after: ["ann", "cy"],
    },
  ],
  16: [
    {
      history: (s) => {
        s.event("+39 10:00", { type: "track", anonymousId: "ann", event: "A" });
        s.event("+39 10:00", { type: "track", anonymousId: "bo", event: "A" });
        s.track("+39 10:00", "cy", "A");
      },
      before: ["ann", "bo"],
      later: (s) => s.event("+40 10:00", { type: "identify", anonymousId: "bo", traits: { email: "bo@example.org" } }),
      after: ["ann"],
    },
  ],
  17: [
    {
      history: (s) => {
        viewed(s, "+39 10:00", "ann", at({ country: "US" }));
        viewed(s, "+39 10:00", "bo", at({ country: "DE" }));
      },
      before: ["ann"],
      later: (s) => {
        viewed(s, "+40 10:00", "ann", at({ country: "FR" }));
        viewed(s, "+40 10:00", "bo", at({ country: "CA" }));
      },
      after: ["bo"],
    },
    {
      history: (s) => {
        viewed(s, "+39 10:00", "ann", at({ country: "US", city: "Austin" }));
        viewed(s, "+39 10:00", "bo", at({ country: "US" }));
      },
      before: ["ann"],
      later: (s) => {
        viewed(s, "+40 10:00", "ann", at({ country: "US" }));
        viewed(s, "+40 10:00", "bo", at({ country: "US", city: "Reno" }));
      },
      after: ["bo"],
    },
  ],
  18: [
    {
      history: (s) => {
        // Versailles is 17 km from there, Orléans more than 100.
        viewed(s, "+39 10:00", "ann", at({ point: { lat: 48.8, lon: 2.13 } }));
        viewed(s, "+39 10:00", "bo", at({ point: { lat: 47.9, lon: 1.91 } }));
      },
      before: ["ann"],
      later: (s) => viewed(s, "+40 10:00", "bo", at({ point: { lat: 48.86, lon: 2.35 } })),
      after: ["ann", "bo"],
    },
  ],
  19: [
    {
      history: (s) => {
        viewed(s, "+39 10:00", "ann", by({ isp: "COMCAST-7922" }));
        viewed(s, "+39 10:00", "bo", by({ isp: "Deutsche Telekom" }));
      },
      before: ["ann"],
      later: (s) => {
        viewed(s, "+40 10:00", "ann", by({ isp: "Verizon" }));
        viewed(s, "+40 10:00", "bo", by({ isp: "Comcast Cable" }));
      },
      after: ["bo"],
    },
  ],
  20: [
    {
      history: (s) => {
        viewed(s, "+39 10:00", "ann", by({ company: "Acme" }));
        viewed(s, "+39 10:00", "bo", by({ company: "Hooli" }));
      },
      before: ["ann"],
      later: (s) => viewed(s, "+40 10:00", "bo", by({ company: "Initech" })),
      after: ["ann", "bo"],
    },
    {
      history: (s) => {
        s.group("+39 10:00", "ann", "1", { name: "Acme" });
        s.group("+39 10:00", "bo", "2", { name: "Hooli" });
        s.group("+39 10:00", "cy", "1");
        viewed(s, "+39 10:00", "di");
      },
      before: ["ann", "cy"],
      later: (s) => {
        s.group("+40 10:00", "bo", "1");
        s.group("+40 11:00", "ann", null);
      },
      after: ["bo", "cy"],
    },
  ],
  21: [
    {
      history: (s) => {
        viewed(s, "+39 10:00", "ann", by({ industry: "5112" }));
        viewed(s, "+39 10:00", "bo", by({ industry: "2351" }));
      },
      before: ["ann"],
      later: (s) => viewed(s, "+40 10:00", "bo", by({ industry: "51" })),
      after: ["ann", "bo"],
    },
  ],
  22: [
    {
      vocabulary: ACTIONS,
      history: (s) => {
        times(7, () => s.track("+38 10:00", "ann", "A"));
        times(6, () => s.track("+38 10:00", "bo", "A"));
      },
      before: ["ann"],
      later: (s) => {
        s.track("+40 10:00", "bo", "A");
        times(8, () => s.track("+44 10:00", "cy", "A"));
        s.tick("+46 11:00");
      },
      after: ["cy"],
    },
    {
      vocabulary: ACTIONS,
      history: (s) => {
        times(5, () => s.track("+30 10:00", "ann", "A"));
        times(5, () => s.track("+30 10:00", "bo", "A"));
        times(6, () => s.track("+38 10:00", "ann", "A"));
        times(5, () => s.track("+38 10:00", "bo", "A"));
      },
      before: ["ann"],
      later: (s) => s.track("+40 01:00", "bo", "A"),
      after: ["ann", "bo"],
    },
  ],
  23: [
    {
      history: (s) => {
        s.identify("+39 10:00", "ann", { tickets: 10 });
        s.identify("+39 10:00", "bo", { tickets: 9 });
      },
      before: ["ann"],
      later: (s) => {
        s.identify("+40 10:00", "ann", { tickets: 3 });
        s.identify("+40 10:00", "bo", { tickets: 12 });
      },
      after: ["bo"],
    },
    {
      history: (s) => {
        for (const id of ["ann", "bo"]) s.identify("+5 10:00", id, { tickets: 10 });
        s.identify("+38 10:00", "ann", { tickets: 12 });
        s.identify("+38 10:00", "bo", { tickets: 11 });
      },
      before: ["ann"],
      later: (s) => {
        s.identify("+60 10:00", "bo", { tickets: 14 });
        s.tick("+68 12:00");
      },
      after: ["bo"],
    },
  ],
  24: [
    {
      history: (s) => {
        s.identify("+39 10:00", "ann", { accountType: "free-trial" });
        s.identify("+39 10:00", "bo", { accountType: "full" });
      },
      before: ["ann"],
      later: (s) => {
        s.identify("+40 10:00", "ann", { accountType: null });
        s.identify("+40 10:00", "bo", { accountType: "free-trial" });
      },
      after: ["bo"],
    },
  ],
  25: [
    {
      vocabulary: TRIAL,
      history: (s) => {
        for (const id of ["ann", "bo"]) {
          s.track("+30 10:00", id, "Signed Up");
          s.track("+31 10:00", id, "Invited");
        }
        order(s, "+32 10:00", "bo", 10);
        // An order that nobody was invited to completes no step.
        order(s, "+32 10:00", "cy", 10);
      },
      before: ["ann", "cy"],
      later: (s) => order(s, "+40 10:00", "ann", 10),
      after: ["cy"],
    },
  ],
  26: [
    {
      history: (s) => {
        s.track("+39 10:00", "ann", "A", {}, { context: { externalIds: [{ type: "salesforce", id: "003A" }] } });
        s.track("+39 10:00", "bo", "A", {}, { context: { externalIds: [{ type: "hubspot", id: "1" }] } });
      },
      before: ["ann"],
      later: (s) => s.identify("+40 10:00", "bo", {}, { context: { externalIds: [{ type: "salesforce", id: 5 }] } }),
      after: ["ann", "bo"],
    },
  ],
  27: [
    {
      history: (s) => {
        s.track("+40 00:00", "ann", "Product Added", product("sku-1", "shoes"));
        times(4, () => s.track("+40 00:00", "bo", "Product Added", product("sku-2", "shoes")));
        s.track("+40 00:00", "cy", "Product Added", product("sku-3", "shoes"));
      },
      before: ["ann"],
      later: (s) => {
        s.tick("+41 00:00");
        s.track("+41 10:00", "bo", "Product Added", product("sku-2", "shoes"));
      },
      after: ["bo"],
    },
  ],
  28: [
    {
      history: (s) => {
        order(s, "+5 10:00", "bo", 10, { products: [product("s", "shoes")] });
        order(s, "+20 10:00", "ann", 10, { products: [product("s", "shoes/running")] });
        order(s, "+20 10:00", "bo", 10, { products: [product("s", "shoes")] });
        order(s, "+20 10:00", "cy", 10, { products: [product("h", "hats")] });
      },
      before: ["ann"],
      later: (s) => {
        order(s, "+40 10:00", "cy", 10, { products: [product("s", "shoes")] });
        s.tick("+50 11:00");
      },
      after: ["cy"],
    },
  ],
  29: [
    {
      history: (s) => {
        // Four minutes until the next page, and one that the page itself measured.
        s.track("+38 10:00", "ann", "Product Viewed", product("s", "shoes"));
        s.track("+38 10:04", "ann", "Product Viewed", { ...product("h", "hats"), seconds: 60 });
        s.track("+38 11:00", "bo", "Product Viewed", product("s", "shoes"));
      },
      before: ["ann"],
      later: (s) => {
        s.track("+40 10:00", "bo", "Product List Viewed", { category: "shoes", seconds: 299 });
        s.track("+40 10:00", "bo", "Product List Viewed", { category: "hats", seconds: 1 });
        s.tick("+45 12:00");
      },
      after: ["bo"],
    },
  ],
  30: [
    {
      history: (s) => {
        times(2, () => s.track("+20 10:00", "ann", "Product Viewed", product("s", "shoes")));
        s.track("+20 10:00", "ann", "Product Viewed", product("h", "hats"));
        times(2, () => s.track("+38 10:00", "bo", "Product Viewed", product("h", "hats")));
        s.track("+38 10:00", "bo", "Product Viewed", product("s", "shoes"));
      },
      before: ["ann"],
      later: (s) => {
        // Two of each is a tie, and all that tie are in.
        s.track("+40 10:00", "bo", "Product Viewed", product("s", "shoes"));
        s.tick("+50 11:00");
      },
      after: ["bo"],
    },
  ],
  31: [
    {
      history: (s) => {
        s.track("+39 10:00", "ann", "Product Added", product("a", "shoes", 60));
        s.track("+39 10:00", "bo", "Product Added", product("a", "shoes", 120));
      },
      before: ["ann"],
      later: (s) => {
        s.track("+40 10:00", "ann", "Product Added", product("b", "shoes", 60));
        s.track("+40 10:00", "bo", "Cart Updated", { products: [product("a", "shoes", 20, 2)] });
      },
      after: ["bo"],
    },
    {
      history: (s) => {
        s.track("+39 10:00", "ann", "Product Added", product("a", "shoes", 60, 5));
        s.track("+39 10:00", "bo", "Product Added", product("a", "shoes", 60, 6));
      },
      before: ["ann"],
      later: (s) => {
        order(s, "+40 10:00", "ann", 300);
        s.track("+40 10:00", "bo", "Product Removed", { product_id: "a", quantity: 2 });
      },
      after: ["bo"],
    },
  ],
  32: [
    {
      history: (s) => {
        s.track("+38 10:00", "ann", "Product Added", product("a", "shoes", 50, 2));
        s.track("+38 10:00", "bo", "Product Added", product("a", "shoes", 99.99));
        s.track("+38 10:00", "bo", "Product Added", product("h", "hats", 500));
      },
      before: ["ann"],
      later: (s) => {
        s.track("+44 10:00", "bo", "Product Added", product("a", "shoes", 100));
        s.tick("+45 11:00");
      },
      after: ["bo"],
    },
  ],
  33: [
    {
      history: (s) => {
        const bought = (id: string, price: number, day: string) =>
          s.track(
            "+39 10:00",
            id,
            "Order Completed",
            { order_id: `${id}-${day}`, products: [product("a", "shoes", price)] },
            { at: `${day}T12:00:00Z` },
          );
        bought("ann", 50, "2026-01-01");
        bought("bo", 49, "2026-03-31");
        bought("bo", 900, "2026-04-01");
        bought("cy", 501, "2026-02-01");
      },
      before: ["ann"],
      later: (s) =>
        s.track(
          "+40 10:00",
          "bo",
          "Order Completed",
          { order_id: "late", products: [product("h", "hats", 1)] },
          { at: "2026-03-31T23:59:59Z" },
        ),
      after: ["ann", "bo"],
    },
  ],
  34: [
    {
      history: (s) => {
        times(2, (index) => order(s, `+20 10:0${index}`, "ann", 10));
        order(s, "+20 11:00", "bo", 10);
        times(6, (index) => order(s, `+20 12:0${index}`, "cy", 10));
      },
      before: ["ann"],
      later: (s) => {
        order(s, "+40 10:00", "bo", 10);
        s.track("+40 10:00", "cy", "Order Cancelled", { order_id: "cy-+20 12:00" });
        s.track("+40 10:00", "ann", "Order Refunded", { order_id: "ann-+20 10:00" });
      },
      after: ["bo", "cy"],
    },
  ],
  35: [
    {
      history: (s) => {
        order(s, "+20 10:00", "ann", 500);
        order(s, "+20 10:00", "bo", 499.99);
      },
      before: ["ann"],
      later: (s) => {
        s.track("+40 10:00", "ann", "Order Refunded", { order_id: "ann-+20 10:00", total: 1 });
        order(s, "+40 10:00", "bo", 0.01);
      },
      after: ["bo"],
    },
    {
      history: (s) => {
        order(s, "+20 10:00", "ann", 50);
        order(s, "+20 10:00", "bo", 60);
      },
      before: ["ann"],
      later: (s) => {
        order(s, "+40 10:00", "ann", 50.01);
        order(s, "+40 10:00", "bo", 40);
        s.track("+40 10:00", "cy", "A");
      },
      after: ["bo"],
    },
  ],
  36: [
    {
      history: (s) => {
        order(s, "+5 10:00", "bo", 10);
        order(s, "+20 10:00", "ann", 10);
        order(s, "+20 10:00", "bo", 10);
      },
      before: ["ann"],
      later: (s) => {
        order(s, "+45 10:00", "cy", 10);
        s.tick("+50 11:00");
      },
      after: ["cy"],
    },
  ],
  37: [
    {
      history: (s) => {
        const traits = { plan: "pro-2", tags: ["b", "c", "a"], seats: 5, vip: true, renews: "2026-12-20" };
        s.identify("+39 10:00", "ann", traits);
        s.identify("+39 10:00", "bo", { ...traits, seats: 4 });
        s.identify("+39 10:00", "cy", { ...traits, renews: "2027-02-01" });
      },
      before: ["ann"],
      later: (s) => {
        s.identify("+40 10:00", "bo", { seats: 50 });
        s.identify("+40 10:00", "ann", { tags: ["a"] });
        s.tick("+70 10:00");
      },
      after: ["cy"],
    },
  ],
  38: [
    {
      beside: [
        "vip: {trait: {vip: true}}",
        'employees: {trait: {email: {endsWith: "@acme.example"}}}',
        "testers: {trait: {tester: true}}",
      ],
      history: (s) => {
        for (const id of ["ann", "bo", "cy"]) s.identify("+39 10:00", id, { vip: true });
        s.identify("+39 10:00", "bo", { email: "bo@acme.example" });
        s.identify("+39 10:00", "cy", { tester: true });
      },
      before: ["ann"],
      later: (s) => {
        s.identify("+40 10:00", "ann", { tester: true });
        s.identify("+40 10:00", "cy", { tester: false });
      },
      after: ["cy"],
    },
  ],
  39: [
    {
      history: (s) => {
        lease(s, "+39 10:00", "ann", "l1", { active: true, rent: 900 });
        lease(s, "+39 10:00", "ann", "l2", { active: false, rent: 5_000 });
        lease(s, "+39 10:00", "bo", "l1", { active: true, rent: 900 });
        lease(s, "+39 10:00", "bo", "l2", { active: true, rent: 1_000 });
        // Nothing owned is no maximum, and no maximum passes no test.
        s.track("+39 10:00", "cy", "A");
      },
      before: ["ann"],
      later: (s) => {
        s.track("+40 10:00", "bo", "Object Removed", { type: "lease", id: "l2" });
        lease(s, "+40 10:00", "ann", "l2", { active: true });
      },
      after: ["bo"],
    },
  ],
  40: [
    {
      history: (s) => {
        lease(s, "+39 10:00", "ann", "l1", { active: true, rent: 900 });
        lease(s, "+39 10:00", "bo", "l1", { active: true, rent: 1_000 });
        lease(s, "+39 10:00", "bo", "l2", { active: false, rent: 900 });
      },
      before: ["ann"],
      later: (s) => lease(s, "+40 10:00", "bo", "l2", { active: true }),
      after: ["ann", "bo"],
    },
    {
      history: (s) => {
        lease(s, "+39 10:00", "ann", "l1", { ends: "2027-01-15" });
        lease(s, "+39 10:00", "bo", "l1", { ends: "2027-12-01", unit: { region: "south" } });
      },
      before: ["ann"],
      later: (s) => {
        lease(s, "+40 10:00", "bo", "l1", { unit: { region: "north" } });
        s.tick("+75 10:00");
      },
      after: ["bo"],
    },
  ],
};

const ONE_PAGE = 1;

interface Played {
  readonly before: readonly string[];
  readonly after: readonly string[];
  readonly said: readonly string[];
}

/** Everything that was said from the definition on, and who was in. */
function play(story: Story, rule: string, { history, later, beside = [], vocabulary }: Told): Played {
  if (vocabulary !== undefined) story.vocabulary("+0 00:00", vocabulary);
  history(story);
  const applied = story.define("+40 00:00", [...beside, `s: {${rule}}`].join("\n"));
  expect(story.reasons, "everything must stand").toEqual([]);
  const before = story.members("s").sort();
  const said = recorded(story, () => later(story));
  return { before, after: story.members("s").sort(), said: [...applied, ...said] };
}

function recorded(story: Story, tell: () => void): string[] {
  const said: string[] = [];
  const tellers = ["event", "tick"] as const;
  const originals = tellers.map((name) => story[name].bind(story) as (...args: unknown[]) => string[]);
  tellers.forEach((name, index) => {
    const original = originals[index]!;
    Object.assign(story, {
      [name]: (...args: unknown[]) => {
        const lines = original(...args);
        said.push(...lines);
        return lines;
      },
    });
  });
  tell();
  return said;
}

const table = definitionsOfTable();

test("the table has forty rows, and a story for each of its definitions", () => {
  expect([...table.keys()]).toEqual(Array.from({ length: 40 }, (_, index) => String(index + 1)));
  const counts = Object.entries(STORIES).map(([number, stories]) => [number, stories.length]);
  expect(counts).toEqual(Array.from(table, ([number, definitions]) => [number, definitions.length]));
});

describe.each([...table])("%s", (number, definitions) => {
  const stories = STORIES[Number(number)] ?? [];

  test.each(definitions.map((rule, index): [string, Told] => [rule, stories[index]!]))("%s", (rule, told) => {
    const oracle = play(new Story(), rule, told);
    expect({ before: oracle.before, after: oracle.after }).toEqual({ before: told.before, after: told.after });
    expect(play(new MachineStory({}, ONE_PAGE), rule, told)).toEqual(oracle);
  });
});
