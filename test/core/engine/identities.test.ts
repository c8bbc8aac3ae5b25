// Rules on identifiers, and on strangers: what each message carries is added, in the order of first coming.
import { describe, expect, test } from "vitest";
import { MachineStory } from "./machine-story.ts";

const ONE_PAGE = 1;

function story(segments: string): MachineStory {
  const told = new MachineStory({}, ONE_PAGE);
  told.define("00:00", segments);
  return told;
}

/** A track message with whatever ids it carries. */
function seen(told: MachineStory, stamp: string, message: Record<string, unknown>): string[] {
  return told.event(stamp, { type: "track", event: "A", ...message });
}

describe("identity", () => {
  const SEGMENTS = `
    known: { identity: { user: { exists: true } } }
    crm: { identity: { salesforce: { exists: true } } }
    mail: { identity: { email: { endsWith: "@acme.com" } } }
    second: { identity: { anonymous: { includesAll: [a1, a2] } } }
    seven: { identity: { erp: "7" } }`;

  test("a userId makes known, an anonymousId beside it is learned as well", () => {
    const told = story(SEGMENTS);
    expect(seen(told, "01:00", { anonymousId: "a1" })).toEqual([]);
    expect(seen(told, "01:01", { userId: "ann", anonymousId: "a1" })).toEqual(["+known ann 01:01"]);
    expect(seen(told, "01:02", { userId: "ann", anonymousId: "a2" })).toEqual(["+second ann 01:02"]);
    told.restart();
    expect(seen(told, "01:03", { userId: "ann", anonymousId: "a2" })).toEqual([]);
    expect(told.user("ann").identities).toEqual({ user: ["ann"], anonymous: ["a1", "a2"] });
    expect(told.user("a1").identities).toEqual({ anonymous: ["a1"] });
  });

  test("e-mail and phone are those of identify, and no other trait or message", () => {
    const told = story(SEGMENTS);
    seen(told, "01:00", { userId: "ann", properties: { email: "ann@acme.com" } });
    expect(told.identify("01:01", "ann", { email: 5, mail: "ann@acme.com" })).toEqual([]);
    expect(told.identify("01:02", "ann", { email: "ann@acme.com" })).toEqual(["+mail ann 01:02"]);
    // The trait is another now; that she has been known by the first one stays true.
    expect(told.identify("01:03", "ann", { email: "ann@home.org" })).toEqual([]);
    expect(told.user("ann").identities.email).toEqual(["ann@acme.com", "ann@home.org"]);
  });

  test("any external type, of any message; numbers are read as their decimal text", () => {
    const told = story(SEGMENTS);
    const context = (externalIds: unknown) => ({ userId: "ann", context: { externalIds } });
    expect(seen(told, "01:00", context([{ type: "salesforce" }, { id: "x" }, "salesforce", null]))).toEqual([
      "+known ann 01:00",
    ]);
    const both = context([
      { type: "salesforce", id: "003" },
      { type: "erp", id: 7 },
    ]);
    expect(seen(told, "01:01", both)).toEqual(["+crm ann 01:01", "+seven ann 01:01"]);
  });

  test("names of the language are ids like any other", () => {
    const told = story("proto: { identity: { __proto__: { exists: false } } }");
    const odd = [
      { type: "__proto__", id: "constructor" },
      { type: "toString", id: "__proto__" },
    ];
    expect(told.event("01:00", { type: "track", event: "A", userId: "ann", context: { externalIds: odd } })).toEqual(
      [],
    );
    told.restart();
    expect(Object.entries(told.user("ann").identities)).toEqual([
      ["user", ["ann"]],
      ["__proto__", ["constructor"]],
      ["toString", ["__proto__"]],
    ]);
  });

  test("of each type the first hundred are kept", () => {
    const told = story("last: { identity: { anonymous: a99 } }\nover: { identity: { anonymous: a100 } }");
    for (let n = 0; n < 99; n += 1) expect(seen(told, "01:00", { userId: "ann", anonymousId: `a${n}` })).toEqual([]);
    expect(seen(told, "01:01", { userId: "ann", anonymousId: "a99" })).toEqual(["+last ann 01:01"]);
    expect(seen(told, "01:02", { userId: "ann", anonymousId: "a100" })).toEqual([]);
    expect(told.user("ann").identities.anonymous).toHaveLength(100);
  });

  test("whom a list alone names has no identity: the id is none that a message carried", () => {
    const told = story("nobody: { identity: { user: { exists: false } } }\nknown: { identity: { user: ann } }");
    expect(told.list("01:00", "crm", "add", ["ann"])).toEqual(["+nobody ann 01:00"]);
    expect(seen(told, "01:01", { userId: "ann" })).toEqual(["+known ann 01:01", "-nobody ann 01:01"]);
  });
});

describe("anonymous", () => {
  const SEGMENTS = "known: { anonymous: false }\nstranger: { anonymous: true }";

  test("until a message carries another identity, whatever brings it", () => {
    const told = story(SEGMENTS);
    expect(seen(told, "01:00", { anonymousId: "a1" })).toEqual(["+stranger a1 01:00"]);
    expect(seen(told, "01:01", { anonymousId: "a1" })).toEqual([]);
    const external = { externalIds: [{ type: "crm", id: "x" }] };
    expect(seen(told, "01:02", { anonymousId: "a1", context: external })).toEqual([
      "+known a1 01:02",
      "-stranger a1 01:02",
    ]);
    expect(told.event("01:03", { type: "identify", anonymousId: "a2", traits: { name: "Bo" } })).toEqual([
      "+stranger a2 01:03",
    ]);
    expect(told.event("01:04", { type: "identify", anonymousId: "a2", traits: { email: "bo@x.org" } })).toEqual([
      "+known a2 01:04",
      "-stranger a2 01:04",
    ]);
    expect(seen(told, "01:05", { userId: "ann" })).toEqual(["+known ann 01:05"]);
  });

  test("a list's member is a stranger, and says so when asked why", () => {
    const told = story(SEGMENTS);
    expect(told.list("01:00", "crm", "add", ["ann"])).toEqual(["+stranger ann 01:00"]);
    expect(told.explain("stranger", "ann")).toMatchObject({ pass: true, actual: "anonymous", expected: "anonymous" });
    expect(seen(told, "01:01", { userId: "ann" })).toEqual(["+known ann 01:01", "-stranger ann 01:01"]);
    expect(told.explain("stranger", "ann")).toMatchObject({ pass: false, actual: "known by user" });
  });

  test("a rule that is new asks nothing of history: it knows what every message carried", () => {
    const told = story("first: { anonymous: true }");
    seen(told, "01:00", { anonymousId: "a1" });
    seen(told, "01:01", { userId: "ann" });
    expect(told.define("02:00", "new: { anonymous: true }\ncarried: { identity: { user: ann } }")).toEqual([
      "+new a1 02:00",
      "+carried ann 02:00",
    ]);
  });
});
