// Identities as stories: what messages carry besides the member's own id, and who is anonymous.
import { describe, expect, test } from "vitest";
import type { Json } from "../../lib/core/types.ts";
import { Story } from "./story.ts";

const external = (...ids: Json[]) => ({ context: { externalIds: ids } });

describe("an identity is held from the message on that carries it", () => {
  const track = { type: "track", event: "A" };
  test.each<[string, string, Record<string, unknown>, boolean]>([
    ["a user id", "{user: ann}", { ...track, userId: "ann" }, true],
    ["an anonymous id", "{anonymous: dev}", { ...track, anonymousId: "dev" }, true],
    ["an anonymous id is no user id", "{user: {exists: true}}", { ...track, anonymousId: "dev" }, false],
    [
      "an anonymous id beside a user id",
      "{anonymous: dev, user: ann}",
      { ...track, userId: "ann", anonymousId: "dev" },
      true,
    ],
    ["both of one text", "{anonymous: ann, user: ann}", { ...track, userId: "ann", anonymousId: "ann" }, true],
    [
      "an e-mail of an identify",
      "{email: a@x.org}",
      { type: "identify", userId: "ann", traits: { email: "a@x.org" } },
      true,
    ],
    ["a phone of an identify", '{phone: "+49"}', { type: "identify", userId: "ann", traits: { phone: "+49" } }, true],
    [
      "a number is no phone",
      "{phone: {exists: true}}",
      { type: "identify", userId: "ann", traits: { phone: 49 } },
      false,
    ],
    [
      "an e-mail of a track",
      "{email: {exists: true}}",
      { ...track, userId: "ann", properties: { email: "a@x.org" } },
      false,
    ],
    [
      "an external id",
      "{salesforce: {exists: true}}",
      { ...track, userId: "ann", ...external({ type: "salesforce", id: "0X" }) },
      true,
    ],
    ["a number as external id", '{crm: "7"}', { ...track, userId: "ann", ...external({ type: "crm", id: 7 }) }, true],
    [
      "of an external list, what is one",
      "{crm: b}",
      { ...track, userId: "ann", ...external("x", { type: "crm" }, { type: "crm", id: "b" }) },
      true,
    ],
    [
      "an external id that is none",
      "{crm: {exists: true}}",
      { ...track, userId: "ann", ...external({ type: "crm", id: "" }) },
      false,
    ],
    [
      "an external id of a page",
      "{crm: b}",
      { type: "page", userId: "ann", ...external({ type: "crm", id: "b" }) },
      true,
    ],
  ])("%s", (_, where, body, expected) => {
    const story = new Story();
    story.define("00:00", `s: {identity: ${where}}`);
    expect(story.reasons).toEqual([]);
    expect(story.event("01:00", body).length === 1).toBe(expected);
  });

  test("they come together, and none goes", () => {
    const story = new Story();
    story.define("00:00", "s: {identity: {email: {includesAll: [a@x.org, b@x.org]}}}");
    story.identify("01:00", "ann", { email: "a@x.org" });
    expect(story.identify("01:01", "ann", { email: "b@x.org" })).toEqual(["+s ann 01:01"]);
    expect(story.identify("01:02", "ann", { email: null })).toEqual([]);
  });

  test("the first hundred of a type are kept", () => {
    const story = new Story();
    story.define(
      "00:00",
      '{last: {identity: {crm: "i100"}}, more: {identity: {crm: "i101"}}, other: {identity: {erp: "i101"}}}',
    );
    for (let count = 1; count <= 99; count += 1) {
      expect(story.track("01:00", "ann", "A", {}, external({ type: "crm", id: `i${count}` }))).toEqual([]);
    }
    expect(story.track("01:01", "ann", "A", {}, external({ type: "crm", id: "i100" }))).toEqual(["+last ann 01:01"]);
    expect(story.track("01:02", "ann", "A", {}, external({ type: "crm", id: "i101" }))).toEqual([]);
    expect(story.track("01:03", "ann", "A", {}, external({ type: "erp", id: "i101" }))).toEqual(["+other ann 01:03"]);
  });
});

describe("anonymous", () => {
  const anonymous = (): Story => {
    const story = new Story();
    story.define("00:00", "{yes: {anonymous: true}, no: {anonymous: false}}");
    return story;
  };

  test("until a message carries a user id", () => {
    const story = anonymous();
    expect(story.event("01:00", { type: "page", anonymousId: "dev" })).toEqual(["+yes dev 01:00"]);
    expect(story.event("01:01", { type: "page", userId: "dev", anonymousId: "dev" })).toEqual([
      "+no dev 01:01",
      "-yes dev 01:01",
    ]);
  });

  test("until another identity is known", () => {
    const story = anonymous();
    story.event("01:00", { type: "page", anonymousId: "dev" });
    expect(story.event("01:01", { type: "identify", anonymousId: "dev", traits: { email: "a@x.org" } })).toEqual([
      "+no dev 01:01",
      "-yes dev 01:01",
    ]);
  });

  test("an external id of the type anonymous changes nothing, another does", () => {
    const story = anonymous();
    const said = external({ type: "anonymous", id: "other" });
    expect(story.event("01:00", { type: "page", anonymousId: "dev", ...said })).toEqual(["+yes dev 01:00"]);
    expect(story.event("01:01", { type: "page", anonymousId: "dev", ...external({ type: "crm", id: "1" }) })).toEqual([
      "+no dev 01:01",
      "-yes dev 01:01",
    ]);
  });

  test("who is known from a list alone", () => {
    const story = anonymous();
    expect(story.list("01:00", "crm", "add", ["ann"])).toEqual(["+yes ann 01:00"]);
    expect(story.track("01:01", "ann", "A")).toEqual(["+no ann 01:01", "-yes ann 01:01"]);
  });
});
