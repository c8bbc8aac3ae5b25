// Read your writes, against a real server and a real worker: a page that has sent an event sees its effect at once.
// test/deep/decide.test.ts does it ten thousand times.
import type { NatsConnection } from "@nats-io/transport-node";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openAudience } from "../../lib/api/audience/nats-audience.ts";
import { serveQuestions } from "../../lib/api/operations/services.ts";
import { SealedCursors } from "../../lib/api/security/sealed-cursors.ts";
import { DEFAULT_LIMITS } from "../../lib/core/types.ts";
import { NatsLogLookup } from "../../lib/nats/log-lookup.ts";
import { Questions } from "../../lib/nats/questions.ts";
import { type CliRig, openCliRig } from "../support/cli-rig.ts";
import { blindViews, CART_SEGMENT, type Decided, storeByNats } from "../support/page-views.ts";

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
  // Until its owner has come to it: that takes as long as it takes.
  expect(await questions.decide("late", { after: seq, waitMs: 10_000 })).toMatchObject({ fresh: true });
  const answer = await questions.decide("late", { after: seq + 1_000_000, waitMs: 50 });
  expect(answer).toMatchObject({ known: true, fresh: false });
});

test("the same by the service, and an owner answers to an inbox and nowhere else", async () => {
  const api = await rig.server.connection("api");
  const audience = await openAudience({ ...rig.server, nc: api, limits: DEFAULT_LIMITS });
  const log = { error: (fields: object) => expect.fail(JSON.stringify(fields)) };
  const { names, partitions } = rig.server;
  const people = {
    partitions,
    clock: "log",
    questions: audience.questions,
    log: new NatsLogLookup(api, names),
  } as const;
  const cursors = new SealedCursors(new Uint8Array(32));
  const service = serveQuestions({ nc: api, names, partitions, audience, people, cursors, version: "0.0.0", log });
  await api.flush();
  const blind = await blindViews({
    count: 100,
    visitors: 10,
    store: (user, event) => storeByNats(nc, `s-${user}`, { ...event, userId: `s-${user}` }),
    decide: async (user, after) => {
      const request = JSON.stringify({ user: `s-${user}`, after, waitMs: 10_000 });
      return (await nc.request("ask.v1.decide", request, { timeout: 15_000 })).json<Decided>();
    },
  });
  expect(blind).toEqual([]);
  const heard: string[] = [];
  nc.subscribe("rejected.*", { callback: (_error, message) => void heard.push(message.subject) });
  nc.publish("ask.0", JSON.stringify({ op: "sizes" }), { reply: "rejected.elsewhere" });
  await nc.request("ask.0", JSON.stringify({ op: "sizes" }), { timeout: 10_000 });
  await nc.flush();
  expect(heard).toEqual([]);
  await service.stop();
  audience.close();
});

test("whoever waits while the owner goes is told to ask again", async () => {
  const asked = questions.decide("ann", { after: 1_000_000, waitMs: 10_000 });
  const told = expect(asked).rejects.toThrow(/ask again|no worker owns it/);
  await nc.flush();
  await rig.stopWorker();
  await told;
  await rig.startWorker();
});
