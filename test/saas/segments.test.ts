// Every example segment of the sample product lives from its traffic: companies and people join and leave within minutes. Said
// by the oracle, in two partitions that hear each other at once.
import { expect, test } from "vitest";
import { fnv1a } from "../../lib/core/ids.ts";
import { loadDefinitions } from "../../lib/definitions/load.ts";
import { saasTraffic } from "../../lib/saas/traffic.ts";
import { told } from "../oracle/story.ts";
import { World } from "../oracle/world.ts";

const START = Date.UTC(2026, 10, 23, 10);
/** As dev plays it: 15 a second, for six minutes. */
const EVENT_MS = 66;
const EVENTS = 5_400;

test("people and accounts join and leave every example segment within minutes", async () => {
  const { definitions, problems, warnings } = await loadDefinitions(["config/segments/product"]);
  expect([problems, warnings]).toEqual([[], []]);
  const kinds = definitions.map(({ definition }) => definition!.kind).sort();
  expect(kinds).toEqual([...Array<string>(6).fill("account"), "user", "user"]);
  const world = new World();
  const said: string[] = [];
  let now = START;
  const stamp = (): string => new Date(now).toISOString();
  // Who names another of these through the account comes after it, as an apply of them all is cut in two.
  const contacts = definitions.filter(({ definition }) => definition!.id === "billing-contacts");
  const others = definitions.filter((item) => !contacts.includes(item));
  for (const batch of [others, contacts])
    said.push(
      ...world.apply(
        stamp(),
        batch.map(({ source }) => source),
      ),
    );
  let count = 0;
  for (const { subject, subjectToken, event } of saasTraffic({ seed: 7, run: "test", online: 16, now: () => now })) {
    const partition = fnv1a(subjectToken) % world.partitions;
    said.push(...told(world.deltas(partition, stamp(), subject === "events" ? "event" : "account", event)));
    said.push(...world.deliverAll(stamp()));
    now += EVENT_MS;
    count += 1;
    if (count === EVENTS) break;
  }
  const moved = (sign: "+" | "-") =>
    new Set(said.filter((line) => line.startsWith(sign)).map((line) => line.slice(1).split(" ")[0]));
  const ids = new Set(definitions.map(({ definition }) => definition!.id));
  expect(moved("+")).toEqual(ids);
  expect(moved("-")).toEqual(ids);
});
