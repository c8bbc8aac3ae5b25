// Read your writes, against a real server and a real worker: a page that has sent an event sees its effect at once.
// test/deep/decide.test.ts does it ten thousand times.
import type { NatsConnection } from "@nats-io/transport-node";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Questions } from "../../lib/nats/questions.ts";
import { type CliRig, openCliRig } from "../support/cli-rig.ts";
import { blindViews, CART_SEGMENT, storeByNats } from "../support/page-views.ts";

const SEGMENT = `id: ${CART_SEGMENT}\nname: Cart under $100\nrule: { cart: { value: { gt: 0, lt: 100 } } }\n`;

let rig: CliRig;
let nc: NatsConnection;
let questions: Questions;

beforeAll(async () => {
  rig = await openCliRig(4);
  expect((await rig.rollcall("segments", "apply", await rig.fileOf("cart.yaml", SEGMENT))).code).toBe(0);
  nc = await rig.server.connection("page");
  questions = new Questions(nc, rig.server.names, rig.server.partitions);
});
afterAll(() => rig?.close());

test("400 times of 400", async () => {
  const blind = await blindViews({
    count: 400,
    visitors: 40,
    store: (user, event) => storeByNats(nc, user, event),
    decide: (user, { seq }) => questions.decide(user, { after: seq, waitMs: 10_000 }),
  });
  expect(blind).toEqual([]);
});

test("a position that nobody will reach is waited for as long as was said, and no longer", async () => {
  const { seq } = await storeByNats(nc, "late", { type: "track", userId: "late", event: "X" });
  const answer = await questions.decide("late", { after: seq + 1_000_000, waitMs: 50 });
  expect(answer).toMatchObject({ known: true, fresh: false });
});

test("whoever waits while the owner goes is told to ask again", async () => {
  const asked = questions.decide("ann", { after: 1_000_000, waitMs: 10_000 });
  const told = expect(asked).rejects.toThrow(/ask again|no worker owns it/);
  await nc.flush();
  await rig.stopWorker();
  await told;
  await rig.startWorker();
});
