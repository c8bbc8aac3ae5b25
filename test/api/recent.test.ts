// What a process that serves HTTP remembers of what happened last: nothing of whoever was erased, however quiet it is afterwards.
import { Readable } from "node:stream";
import { inspect } from "node:util";
import type { NatsConnection } from "@nats-io/transport-node";
import { expect, test } from "vitest";
import { NatsAudience } from "../../lib/api/audience/nats-audience.ts";
import { Channel } from "../../lib/api/live/channel.ts";
import type { Source, Telling } from "../../lib/api/live/source.ts";
import { Catalogue } from "../../lib/api/segments/catalogue.ts";
import { encodeDelta } from "../../lib/core/deltas.ts";
import { erasedOf } from "../../lib/core/erasure.ts";
import { DEFAULT_LIMITS, type Delta } from "../../lib/core/types.ts";
import { namesOf } from "../../lib/nats/names.ts";
import { ControlInMemory } from "./control-in-memory.ts";
import { deltaOf } from "./fake-audience.ts";

const MINUTE_MS = 60_000;

type Heard = (error: null, message: { string(): string }) => void;

/** A connection that nobody is at the other end of, and what it says. */
function connection() {
  let hear: Heard = () => undefined;
  const nc = {
    subscribe(_subject: string, { callback }: { readonly callback: Heard }) {
      hear = callback;
      return { unsubscribe: () => undefined };
    },
    status: () => Readable.from([]),
  };
  const say = (delta: Delta) => hear(null, { string: () => encodeDelta(delta) });
  return { nc: nc as unknown as NatsConnection, say };
}

test("the last deltas name nobody who was erased, and not by the delta that says so", async () => {
  const control = new ControlInMemory();
  const catalogue = await Catalogue.open(control, DEFAULT_LIMITS);
  const { nc, say } = connection();
  const audience = new NatsAudience({ nc, names: namesOf(""), partitions: 2, limits: DEFAULT_LIMITS }, catalogue);
  const [told, erased]: [Delta[], boolean[]] = [[], []];
  audience.onDelta((delta) => void told.push(delta));
  audience.onErased((isMeant) => void erased.push(isMeant("user", "ann"), isMeant("account", "ann")));
  const names = () => audience.recent().map(({ kind, id }) => `${kind} ${id}`);
  for (const id of ["ann", "bob"]) say(deltaOf(id));
  say({ ...deltaOf("ann"), kind: "account" });
  control.write({ op: "erase", ...erasedOf("user", "ann", "key") });
  expect(names()).toEqual(["account ann", "user bob"]);
  // What her owner says before it has come to the entry, and then of it.
  say(deltaOf("ann"));
  say({ ...deltaOf("ann", "left"), cause: { type: "erasure", seq: 9 } });
  expect(names()).toEqual(["account ann", "user bob"]);
  expect(told).toHaveLength(5);
  expect(erased).toEqual([true, false, true, false]);
  // An id may be used again, by somebody new.
  say(deltaOf("ann"));
  expect(names()).toEqual(["user ann", "account ann", "user bob"]);
  audience.close();
});

test("the catalogue remembers no entry that put somebody on a list, once they were erased", async () => {
  const control = new ControlInMemory();
  const catalogue = await Catalogue.open(control, DEFAULT_LIMITS);
  const ids = ["ann@shop.example", "bob@shop.example"];
  control.write({ op: "list", id: "staff", kind: "user", mode: "add", members: ids });
  // Put in order, too, as for a page by id.
  for (const _ of catalogue.lists.get("staff")!.after(undefined, ids.length));
  control.write({ op: "erase", ...erasedOf("user", ids[0]!, "key") });
  const all = inspect(catalogue, { depth: null, maxArrayLength: null });
  expect(all).toContain("bob@shop.example");
  expect(all).not.toContain("ann@shop.example");
});

test("what a topic told is kept for those who come back for five minutes, and then it is nowhere", () => {
  let now = 0;
  let tell: (telling: Telling) => void = () => undefined;
  const source: Source = {
    start: (given) => {
      tell = given;
    },
    stop: () => undefined,
    ready: async () => undefined,
    whole: () => () => null,
  };
  let seq = 0;
  const next = () => {
    seq += 1;
    return seq;
  };
  const channel = new Channel("changes", source, 0, next, () => now);
  tell({ event: "delta", said: () => "ann" });
  now += 4 * MINUTE_MS;
  tell({ event: "delta", said: () => "bob" });
  expect(channel.since(0)).toHaveLength(2);
  now += 2 * MINUTE_MS;
  expect(channel.since(0)).toBeUndefined();
  expect(channel.since(1)).toMatchObject([{ full: expect.stringContaining("bob") }]);
});
