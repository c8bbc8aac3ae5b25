// rules.md 4.5 as stories: where visits came from, by UTM parameters and referrers.
import { describe, expect, test } from "vitest";
import type { Json } from "../../lib/core/types.ts";
import { TELLERS } from "./tellers.ts";

type Context = Readonly<Record<string, Json>>;

describe.each(TELLERS)("the %s says", (_, Teller) => {
  const from = (referrer: string, url = "https://shop.example/"): Context => ({ page: { referrer, url } });
  const utm = (campaign: Json): Context => ({ campaign });

  /** A story with one segment `s`: is ann in after visit events with these contexts, a minute apart? */
  function holdsAfter(where: string, contexts: readonly Context[]): boolean {
    const story = new Teller();
    story.define("00:00", `s: {source: {${where}}}`);
    expect(story.reasons, "the definition must parse").toEqual([]);
    for (const [minute, context] of contexts.entries()) {
      story.event(`01:${String(minute).padStart(2, "0")}`, { type: "page", userId: "ann", context });
    }
    return story.members("s").length === 1;
  }

  describe("the source of a visit", () => {
    test.each<[string, Context[], boolean]>([
      ["first.medium: direct, first.name: {exists: false}", [{}], true],
      ["first.medium: {exists: true}", [], false],
      // The referrer table, by the longest domain that fits.
      ["first.medium: search, first.name: Google", [from("https://www.google.com/search?q=x")], true],
      ["first.medium: email, first.name: Gmail", [from("https://mail.google.com/mail")], true],
      ["first.medium: referral, first.name: blog.example", [from("https://news.blog.example/post")], true],
      ["first.medium: referral, first.name: notgoogle.com", [from("https://notgoogle.com/")], true],
      // What the link says counts before the table.
      ["first.medium: cpc, first.name: Google", [{ ...from("https://google.com/"), ...utm({ medium: "cpc" }) }], true],
      ["first.medium: search, first.name: ads", [{ ...from("https://google.com/"), ...utm({ source: "ads" }) }], true],
      [
        "first.campaign: summer, first.term: boots, first.content: b, first.medium: direct",
        [utm({ name: "summer", term: "boots", content: "b" })],
        true,
      ],
      ["first.name: news, first.url: {exists: false}", [utm({ source: "news" })], true],
      ["first.medium: direct, first.campaign: {exists: false}", [utm({ name: "", medium: 5 })], true],
      ["first.url: 'HTTPS://Sub.Blog.Example./p?q=1'", [from("HTTPS://Sub.Blog.Example./p?q=1")], true],
      // Domain and subdomain.
      ["first.domain: blog.example, first.subdomain: {exists: false}", [from("https://blog.example/")], true],
      ["first.domain: blog.example, first.subdomain: a.b", [from("https://A.b.blog.example:8080/")], true],
      ["first.domain: blog.co.uk, first.subdomain: www", [from("https://www.blog.co.uk/")], true],
      ["first.domain: co.uk", [from("https://co.uk/")], true],
      ["first.domain: blog.uk, first.subdomain: www", [from("https://www.blog.uk/")], true],
      ["first.domain: com.info, first.subdomain: blog", [from("https://blog.com.info/")], true],
      ["first.domain: 10.0.0.1, first.subdomain: {exists: false}", [from("http://10.0.0.1/x")], true],
      ["first.domain: localhost, first.subdomain: {exists: false}", [from("http://localhost:3000/")], true],
      // No source: the page before was our own, or no web page.
      ["first.medium: direct, first.url: {exists: false}", [from("https://shop.example/a")], true],
      ["first.medium: direct", [from("https://SHOP.example./a")], true],
      ["first.medium: referral", [from("https://www.shop.example/a")], true],
      ["first.medium: referral", [{ page: { referrer: "https://shop.example/a" } }], true],
      ["first.medium: direct", [from("android-app://com.example")], true],
      ["first.medium: direct", [from("not a url")], true],
      ["first.medium: direct", [from("")], true],
      ["first.domain: other.example", [{ referrer: { url: "https://other.example/" } }], true],
      [
        "first.domain: blog.example",
        [{ ...from("https://blog.example/"), referrer: { url: "https://other.example/" } }],
        true,
      ],
      // The earliest event of the visit that has one.
      ["first.domain: a.example", [{}, from("https://a.example/"), from("https://b.example/")], true],
    ])("{%s} after %j", (where, contexts, expected) => {
      expect(holdsAfter(where, contexts)).toBe(expected);
    });

    test("first, latest, current; between visits there is none under way", () => {
      const story = new Teller();
      const say = (stamp: string, context: Context, at?: string) =>
        story.event(stamp, { type: "page", userId: "ann", context }, at === undefined ? {} : { at });
      story.define(
        "00:00",
        "a: {source: {first.domain: a.example}}\nb: {source: {latest.domain: b.example}}\nc: {source: {current.domain: [a.example, b.example]}}",
      );
      expect(say("01:00", from("https://a.example/"))).toEqual(["+a ann 01:00", "+c ann 01:00"]);
      expect(story.tick("01:40")).toEqual(["-c ann 01:30"]);
      expect(say("02:00", from("https://b.example/"))).toEqual(["+b ann 02:00", "+c ann 02:00"]);
      // A late event makes an older visit: it is the first now.
      expect(say("02:10", from("https://c.example/"), "00:10")).toEqual(["-a ann 02:10"]);
      // One between the first two merges the three visits: the earliest event that has a source counts for all.
      expect(say("02:20", {}, "00:35")).toEqual([]);
      expect(say("02:25", {}, "01:25")).toEqual([]);
      expect(say("02:29", {}, "01:40")).toEqual(["-b ann 02:29", "-c ann 02:29"]);
      expect(story.tick("03:30")).toEqual([]);
    });

    test("a visit's rule reads the same source", () => {
      const story = new Teller();
      story.define("00:00", "s: {visit: {where: {source.medium: search}, count: {gte: 2}}}");
      story.event("01:00", { type: "page", userId: "ann", context: from("https://bing.com/") });
      story.event("02:00", { type: "page", userId: "ann" });
      expect(story.event("03:00", { type: "page", userId: "ann", context: from("https://bing.com/") })).toEqual([
        "+s ann 03:00",
      ]);
    });

    test("source.first is of the oldest visit that is kept, sealed or not", () => {
      const story = new Teller({ limits: { visitsChangeableMax: 1 } });
      story.define("00:00", "s: {source: {first.domain: a.example}}");
      expect(story.event("01:00", { type: "page", userId: "ann", context: from("https://a.example/") })).toEqual([
        "+s ann 01:00",
      ]);
      expect(story.event("02:00", { type: "page", userId: "ann" })).toEqual([]);
      expect(story.event("03:00", { type: "page", userId: "ann" })).toEqual([]);
      expect(story.members("s")).toEqual(["ann"]);
    });
  });
});
