// A trace from a page's request to the message that a campaign hears, through a real server and real workers: by HTTP and by NATS,
// over accounts, across a restart; and a question's to whoever answers it.
import { headers, type MsgHdrs, type NatsConnection } from "@nats-io/transport-node";
import { afterAll, beforeAll, expect, test } from "vitest";
import { partitionOf } from "../../lib/core/ids.ts";
import { type ApiRig, openApiRig } from "../support/api-rig.ts";
import { until } from "../support/until.ts";

const PARTITIONS = 4;
const ANSWER_MS_MAX = 10_000;
const SEGMENTS = `
id: cart-under-100
rule: { cart: { value: { gt: 0, lt: 100 } } }
---
id: busy
kind: account
rule: { event: { name: Used } }
---
id: colleague
rule: { account: { segment: { in: [busy] } } }
`;
const LATER = "id: any-cart\nrule: { cart: { value: { gt: 0 } } }\n";

interface Heard {
  readonly what: string;
  readonly cause: string;
  readonly traceparent: string | undefined;
  readonly tracestate: string | undefined;
}

let rig: ApiRig;
let nc: NatsConnection;
const heard: Heard[] = [];
/** Questions to owners, with the trace that came with them. */
const asked: { readonly op: string; readonly traceparent: string | undefined }[] = [];
const lines: object[] = [];

const headerOf = (mh: MsgHdrs | undefined, name: string): string | undefined => mh?.get(name) || undefined;

beforeAll(async () => {
  const log = {
    warn: () => undefined,
    error: (fields: object) => void lines.push(fields),
    debug: (fields: object, message: string) => void lines.push({ ...fields, message }),
  };
  rig = await openApiRig(PARTITIONS, {}, log);
  nc = await rig.cli.server.connection("campaign");
  await apply("segments.yaml", SEGMENTS);
  nc.subscribe("segment.*.*", {
    callback: (_error, message) => {
      const { segment, id, change, cause } = message.json<Record<string, string> & { cause: { type: string } }>();
      heard.push({
        what: `${id} ${change} ${segment}`,
        cause: cause.type,
        traceparent: headerOf(message.headers, "traceparent"),
        tracestate: headerOf(message.headers, "tracestate"),
      });
    },
  });
  nc.subscribe("ask.*", {
    callback: (_error, message) => {
      const { op } = message.json<{ op: string }>();
      asked.push({ op, traceparent: headerOf(message.headers, "traceparent") });
    },
  });
  await nc.flush();
});
afterAll(() => rig?.close());

async function apply(name: string, definitions: string): Promise<void> {
  const ended = await rig.cli.rollcall("segments", "apply", await rig.cli.fileOf(name, definitions));
  expect(ended.code, ended.err).toBe(0);
}

let made = 0;
function newTrace(): string {
  made += 1;
  return `00-${`${made}`.padStart(32, "d")}-b7ad6b7169203331-01`;
}

function post(path: string, body: object, traceparent?: string, tracestate?: string): Promise<Response> {
  const trace = {
    ...(traceparent === undefined ? {} : { traceparent }),
    ...(tracestate === undefined ? {} : { tracestate }),
  };
  return fetch(`${rig.url}/v1/${path}`, {
    method: "POST",
    headers: { authorization: `Bearer ${rig.writeKey}`, "content-type": "application/json", ...trace },
    body: JSON.stringify(body),
  });
}

const added = (userId: string, price = 60) => ({
  type: "track",
  userId,
  event: "Product Added",
  properties: { product_id: "p1", price },
});

async function delta(what: string): Promise<Omit<Heard, "what">> {
  await until(`heard: ${what}`, () => heard.some((one) => one.what === what));
  const { what: _, ...rest } = heard.find((one) => one.what === what)!;
  return rest;
}

const none = { traceparent: undefined, tracestate: undefined };

test("from a request to the delta, as it was sent; and nothing where nothing valid came", async () => {
  const traceparent = newTrace();
  const tracestate = "vendor=1,other=2";
  expect((await post("track", added("u1"), traceparent, tracestate)).status).toBe(200);
  expect(await delta("u1 joined cart-under-100")).toEqual({ cause: "event", traceparent, tracestate });
  expect((await post("track", added("u1"), "00-nonsense-01", tracestate)).status).toBe(200);
  expect(await delta("u1 left cart-under-100")).toEqual({ cause: "event", ...none });
});

test("each event of a batch bears the batch's, also where many deltas go out together", async () => {
  const traceparent = newTrace();
  const users = Array.from({ length: 100 }, (_, index) => `many-${index}`);
  expect((await post("batch", { batch: users.map((user) => added(user)) }, traceparent)).status).toBe(200);
  for (const user of users)
    expect(await delta(`${user} joined cart-under-100`)).toEqual({ ...none, cause: "event", traceparent });
});

test("from a channel's own header, past others and whatever their case", async () => {
  const traceparent = newTrace();
  const mh = headers();
  mh.set("Nats-Msg-Id", "x".repeat(100));
  mh.set("Traceparent", traceparent);
  mh.set("tracestate", "a=1");
  await nc.request("events.u2", JSON.stringify(added("u2")), { headers: mh, timeout: ANSWER_MS_MAX });
  expect(await delta("u2 joined cart-under-100")).toEqual({ cause: "event", traceparent, tracestate: "a=1" });
  const other = headers();
  other.set("Nats-Msg-Id", "y".repeat(100));
  other.set("X-Not-traceparent", traceparent);
  await nc.request("events.u2", JSON.stringify(added("u2")), { headers: other, timeout: ANSWER_MS_MAX });
  expect(await delta("u2 left cart-under-100")).toEqual({ cause: "event", ...none });
});

test("a reject bears its message's, and so does what is sent again", async () => {
  const [traceparent, tracestate] = [newTrace(), "a=1"];
  const rejects: { reason: string; traceparent: string | undefined }[] = [];
  const subscription = nc.subscribe("rejected.*", {
    callback: (_error, { subject, headers: mh }) =>
      void rejects.push({ reason: subject, traceparent: headerOf(mh, "traceparent") }),
  });
  const mh = headers();
  mh.set("traceparent", traceparent);
  mh.set("tracestate", tracestate);
  // On the subject of somebody who belongs elsewhere: right again when it is sent on its own.
  const other = ["u5", "u6", "u7", "u8"].find((id) => partitionOf(id, PARTITIONS) !== partitionOf("u9", PARTITIONS))!;
  await nc.request(`events.${other}`, JSON.stringify(added("u9")), { headers: mh, timeout: ANSWER_MS_MAX });
  await until("it to be refused", () => rejects.length === 1);
  subscription.unsubscribe();
  expect(rejects).toEqual([{ reason: "rejected.wrong-partition", traceparent }]);
  const asAdmin = async (method: string, path: string): Promise<{ items: readonly { seq: number }[] }> => {
    const response = await fetch(`${rig.url}/v1/${path}`, {
      method,
      headers: { authorization: `Bearer ${rig.adminKey}` },
    });
    expect(response.status, path).toBe(200);
    return response.json() as Promise<{ items: readonly { seq: number }[] }>;
  };
  await until("it to be stored", async () => (await asAdmin("GET", "rejects")).items.length === 1);
  const { items } = await asAdmin("GET", "rejects");
  expect(items).toMatchObject([{ reason: "wrong-partition", traceparent, replayed: null }]);
  await asAdmin("POST", `rejects/${items[0]!.seq}/replay`);
  expect(await delta("u9 joined cart-under-100")).toEqual({ cause: "event", traceparent, tracestate });
});

test("through an account to a colleague in another partition: two messages between partitions on the way", async () => {
  const [user, colleague] = ["anna", "ben"];
  const account = ["acme", "bolt", "core", "dyne", "echo", "fern"].find(
    (id) => ![user, colleague].some((one) => partitionOf(one, PARTITIONS) === partitionOf(id, PARTITIONS)),
  )!;
  for (const userId of [user, colleague]) await post("group", { userId, groupId: account });
  await rig.cli.caughtUp();
  const traceparent = newTrace();
  await post("track", { userId: user, event: "Used" }, traceparent);
  for (const what of [`${account} joined busy`, `${user} joined colleague`, `${colleague} joined colleague`])
    expect(await delta(what)).toEqual({ ...none, cause: "event", traceparent });
});

test("what waited while no worker ran bears its own, and a definition's deltas bear none", async () => {
  await rig.cli.stopWorker();
  const traceparent = newTrace();
  expect((await post("track", added("u3"), traceparent)).status).toBe(200);
  await rig.cli.startWorker();
  expect(await delta("u3 joined cart-under-100")).toEqual({ ...none, cause: "event", traceparent });
  await apply("later.yaml", LATER);
  expect(await delta("u3 joined any-cart")).toEqual({ cause: "definition", ...none });
});

test("a question's goes on to the owner, and stands in the log beside what was asked", async () => {
  const [byHttp, byNats] = [newTrace(), newTrace()];
  // What others have asked up to now is here, and no matter.
  await nc.flush();
  asked.length = 0;
  lines.length = 0;
  expect((await post("decide", { user: "u3" }, byHttp)).status).toBe(200);
  const mh = headers();
  mh.set("traceparent", byNats);
  const reply = await nc.request("ask.v1.user", JSON.stringify({ user: "u3" }), {
    headers: mh,
    timeout: ANSWER_MS_MAX,
  });
  expect(reply.headers).toBeUndefined();
  const plain = await post("decide", { user: "u3" });
  expect([plain.status, plain.headers.get("traceparent")]).toEqual([200, null]);
  await nc.flush();
  expect(asked).toEqual([
    { op: "decide", traceparent: byHttp },
    { op: "user", traceparent: byNats },
    { op: "decide", traceparent: undefined },
  ]);
  expect(lines).toEqual([
    {
      trace: byHttp.slice(3, 35),
      method: "POST",
      route: "/v1/decide",
      status: 200,
      ms: expect.any(Number),
      message: "http: answered",
    },
    { trace: byNats.slice(3, 35), endpoint: "user", message: "nats: asked" },
  ]);
});
