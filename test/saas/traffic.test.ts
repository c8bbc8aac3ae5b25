// The sample product: seeded, believable, accepted by the engine; people belong to one company at a time, and its books add up.
import { describe, expect, test } from "vitest";
import { decodeAccountMessage, decodeEvent } from "../../lib/core/decode.ts";
import { encodeId } from "../../lib/core/ids.ts";
import { DEFAULT_LIMITS, type JsonObject } from "../../lib/core/types.ts";
import { saasTraffic } from "../../lib/saas/traffic.ts";
import type { SceneEvent, SceneOptions } from "../../lib/scenes/scene.ts";

const START = Date.UTC(2026, 10, 23, 10);
/** As dev plays it: 15 a second. */
const EVENT_MS = 66;

function traffic(count: number, options: Partial<SceneOptions> = {}): SceneEvent[] {
  let now = START;
  const all: SceneEvent[] = [];
  for (const event of saasTraffic({ seed: 7, run: "test", online: 16, now: () => now, ...options })) {
    all.push(event);
    now += EVENT_MS;
    if (all.length === count) return all;
  }
  throw new Error("the product closed");
}

const nameOf = ({ event }: SceneEvent): string => (event.type === "track" ? String(event.event) : event.type);
const ofPeople = (all: readonly SceneEvent[]): SceneEvent[] => all.filter(({ subject }) => subject === "events");
const ofAccounts = (all: readonly SceneEvent[]): SceneEvent[] => all.filter(({ subject }) => subject === "accounts");

describe("the traffic", () => {
  test("is the same for the same seed and run, and another for another", () => {
    expect(traffic(2_000)).toEqual(traffic(2_000));
    expect(traffic(2_000, { run: "other" })).not.toEqual(traffic(2_000));
    expect(traffic(50, { seed: 8 })).not.toEqual(traffic(50));
  });

  test("is accepted by the engine, message by message, under the subject of its user or account", () => {
    const all = traffic(6_000);
    for (const { event, subjectToken } of ofPeople(all)) {
      const decoded = decodeEvent(Buffer.from(JSON.stringify(event)), DEFAULT_LIMITS);
      expect(decoded).toMatchObject({ ok: true });
      if (decoded.ok) expect(subjectToken).toBe(encodeId(decoded.value.userId));
    }
    for (const { event, subjectToken } of ofAccounts(all)) {
      const decoded = decodeAccountMessage(Buffer.from(JSON.stringify(event)), DEFAULT_LIMITS);
      expect(decoded).toMatchObject({ ok: true });
      if (decoded.ok) expect(subjectToken).toBe(encodeId(decoded.value.accountId));
    }
  });

  test("begins with the books: every company with its traits, and everybody in theirs", () => {
    const books = traffic(500);
    const companies = new Map(
      ofAccounts(books).flatMap(({ event }) => (event.type === "group" ? [[event.groupId, event.traits]] : [])) as [
        string,
        JsonObject,
      ][],
    );
    expect(companies.size).toBe(24);
    for (const { plan, seats, size, revenue, trialEnds, industry } of companies.values()) {
      expect([typeof seats, typeof size, typeof industry]).toEqual(["number", "number", "string"]);
      expect(plan === "trial").toBe(typeof trialEnds === "string");
      expect(plan === "trial").toBe(revenue === 0);
    }
    const names = ofPeople(books).map(nameOf);
    const first = names.indexOf("Logged In");
    expect(new Set(names.slice(0, first))).toEqual(new Set(["identify", "group"]));
  });

  test("has everything that a product and its books have", () => {
    const all = traffic(12_000);
    const people = new Set(ofPeople(all).map(nameOf));
    const work = ["Logged In", "Feature Used", "Report Exported", "Integration Connected", "Automation Created"];
    for (const name of ["identify", "group", "page", "screen", ...work]) expect(people).toContain(name);
    for (const name of ["User Invited", "Invitation Accepted", "Ticket Opened"]) expect(people).toContain(name);
    expect(new Set(ofAccounts(all).map(nameOf))).toEqual(
      new Set(["group", "Invoice Sent", "Invoice Failed", "Invoice Paid"]),
    );
    expect(new Set(all.map(({ event }) => event.channel))).toEqual(new Set(["web", "ios", "server"]));
    expect(new Set(all.map(({ event }) => event.messageId)).size).toBe(all.length);
  });

  test("people change companies and leave; nobody works where they do not belong, and nobody has two champions", () => {
    const home = new Map<string, string | null>();
    const role = new Map<string, string>();
    let moves = 0;
    let leaves = 0;
    for (const { event } of ofPeople(traffic(20_000))) {
      const user = String(event.userId);
      if (event.type === "group") {
        const before = home.get(user);
        const { groupId } = event as unknown as { groupId: string | null };
        if (before !== undefined && groupId === null) leaves += 1;
        else if (before !== undefined && groupId !== before) moves += 1;
        home.set(user, groupId);
      } else if (event.type === "identify") role.set(user, String((event.traits as JsonObject).role));
      else expect(home.get(user), `${user} works`).toBeTypeOf("string");
      const champions = [...role].filter(([, name]) => name === "champion").map(([id]) => home.get(id));
      if (event.type === "group") expect(new Set(champions).size).toBe(champions.length);
    }
    expect(moves).toBeGreaterThan(5);
    expect(leaves).toBeGreaterThan(5);
  });

  test("an invoice is paid after it has failed, and once", () => {
    const failed = new Set<unknown>();
    let paid = 0;
    for (const event of ofAccounts(traffic(20_000))) {
      const { invoice_id: id } = (event.event.properties ?? {}) as JsonObject;
      if (nameOf(event) === "Invoice Failed") failed.add(id);
      if (nameOf(event) !== "Invoice Paid") continue;
      expect(failed.delete(id)).toBe(true);
      paid += 1;
    }
    expect(paid).toBeGreaterThan(20);
  });
});
