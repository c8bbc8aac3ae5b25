// The NATS service over an audience out of thin air and a real server: what ADR-32 says of $SRV, word for word, and every
// endpoint held against its schemas.
import { createInbox, type Msg, type NatsConnection } from "@nats-io/transport-node";
import { Ajv2020 } from "ajv/dist/2020.js";
import { afterAll, afterEach, beforeEach, describe, expect, test } from "vitest";
import { ENDPOINTS, serveQuestions } from "../../lib/api/operations/services.ts";
import { namedSchemas } from "../../lib/api/schemas/common.ts";
import { SealedCursors } from "../../lib/api/security/sealed-cursors.ts";
import { partitionOf } from "../../lib/core/ids.ts";
import { namesOf } from "../../lib/nats/names.ts";
import type { NatsService } from "../../lib/nats/service.ts";
import { PATIENTLY, startTestServer, type TestServer } from "../support/nats.ts";
import { until } from "../support/until.ts";
import { CART, FakeAudience } from "./fake-audience.ts";
import { PeopleInMemory } from "./people-in-memory.ts";

const VERSION = "1.2.3";
const GOOD: Readonly<Record<string, object>> = {
  decide: { user: "u1" },
  user: { user: "u1" },
  account: { account: "acme" },
  explain: { segment: CART.id, id: "u1" },
  members: { segment: CART.id },
  sizes: {},
  segments: {},
  search: { q: "u1" },
};

const people = new PeopleInMemory();

let server: TestServer;
let audience: FakeAudience;
let asking: NatsConnection;
let services: NatsService[];
let serving: NatsConnection[];
const errors: object[] = [];

beforeEach(async () => {
  server ??= await startTestServer();
  audience = new FakeAudience();
  asking = await server.connection("asking");
  services = [];
  serving = [];
  errors.length = 0;
  await serve();
  return async () => {
    await Promise.all(services.map((service) => service.stop()));
  };
});
afterEach(async () => {
  await asking.close();
});
afterAll(() => server?.stop());

async function serve(name = ""): Promise<NatsService> {
  const nc = await server.connection("api");
  const log = { error: (fields: object) => errors.push(fields) };
  const asked = { audience, people, cursors: new SealedCursors(new Uint8Array(32)) };
  const service = serveQuestions({ nc, names: namesOf(name), partitions: 4, ...asked, version: VERSION, log });
  services.push(service);
  serving.push(nc);
  await nc.flush();
  return service;
}

/** What comes back from all there are, and from nobody twice: a connection that was flushed has nothing more to hear, or to say. */
async function everybody(subject: string): Promise<Record<string, unknown>[]> {
  const replies: Record<string, unknown>[] = [];
  const inbox = createInbox();
  const heard = asking.subscribe(inbox, { callback: (_error, reply) => void replies.push(reply.json()) });
  asking.publish(subject, "", { reply: inbox });
  await asking.flush();
  // Once for the question to be there, once for the answer to have left.
  for (const nc of [...serving, ...serving]) await nc.flush();
  await asking.flush();
  heard.unsubscribe();
  return replies;
}

function ask(endpoint: string, request: unknown = {}): Promise<Msg> {
  const body = typeof request === "string" ? request : JSON.stringify(request);
  return asking.request(`ask.v1.${endpoint}`, body, PATIENTLY);
}

/** What every answer on $SRV begins with, and nothing else of a ping's. */
function baseOf(type: string, { id }: NatsService) {
  const metadata = { partitions: "4", asyncapi: "/asyncapi.json" };
  return { type: `io.nats.micro.v1.${type}_response`, name: "rollcall", id, version: VERSION, metadata };
}

describe("discovery", () => {
  test.each(["PING", "INFO", "STATS"])("%s to all, to those of one name, to one", async (verb) => {
    const [first, second] = [services[0]!, await serve()];
    await serve("shop");
    const ids = async (subject: string) => (await everybody(subject)).map(({ id }) => id).sort();
    expect(await ids(`$SRV.${verb}`)).toHaveLength(3);
    expect(await ids(`$SRV.${verb}.rollcall`)).toEqual([first.id, second.id].sort());
    expect(await ids(`$SRV.${verb}.rollcall.${second.id}`)).toEqual([second.id]);
    expect(await ids(`$SRV.${verb}.rollcall-shop`)).toHaveLength(1);
  });

  test("a ping says who, and no more", async () => {
    expect(await everybody("$SRV.PING")).toEqual([baseOf("ping", services[0]!)]);
  });

  test("the information lists every endpoint with its subject and queue group", async () => {
    const [info] = await everybody("$SRV.INFO.rollcall");
    expect(info).toEqual({
      ...baseOf("info", services[0]!),
      description: expect.any(String),
      endpoints: ENDPOINTS.map(({ name, summary }) => ({
        name,
        subject: `ask.v1.${name}`,
        queue_group: "q",
        metadata: { summary },
      })),
    });
    for (const name of ["rollcall", ...ENDPOINTS.map((one) => one.name)]) expect(name).toMatch(/^[\w-]+$/);
    expect(VERSION).toMatch(/^\d+\.\d+\.\d+/);
  });

  test("the counts: requests, errors, the last of them, time in whole nanoseconds", async () => {
    await ask("decide", { user: "u1" });
    await ask("decide", { user: "u1" });
    await ask("decide", {});
    const [stats] = await everybody("$SRV.STATS");
    expect(stats).toEqual({
      ...baseOf("stats", services[0]!),
      started: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      endpoints: expect.any(Array),
    });
    const [decide, user] = (stats as { endpoints: Record<string, number>[] }).endpoints;
    expect(decide).toMatchObject({ num_requests: 3, num_errors: 1, last_error: "400:body.user: is missing." });
    const { processing_time: took, average_processing_time: average } = decide!;
    expect([Number.isSafeInteger(took), Math.round(took! / 3)]).toEqual([true, average]);
    expect(user).toMatchObject({
      num_requests: 0,
      num_errors: 0,
      last_error: "",
      processing_time: 0,
      average_processing_time: 0,
    });
  });

  test("who has stopped answers nothing more", async () => {
    await services[0]!.stop();
    await expect(asking.request("$SRV.PING", "", PATIENTLY)).rejects.toThrow(/no responders/);
    await expect(ask("decide", { user: "u1" })).rejects.toThrow(/no responders/);
  });
});

describe("endpoints", () => {
  const ajv = new Ajv2020({ strict: false, validateFormats: false });
  for (const schema of namedSchemas()) ajv.addSchema(schema as unknown as object);

  test("each has an example here", () => {
    expect(Object.keys(GOOD)).toEqual(ENDPOINTS.map(({ name }) => name));
  });

  test.each(ENDPOINTS.map(({ name, answer }) => [name, answer] as const))(
    "%s answers as its schema says, and refuses a field that it does not know",
    async (name, answer) => {
      const reply = await ask(name, GOOD[name]);
      expect(reply.headers?.get("Nats-Service-Error-Code") ?? "").toBe("");
      const body = reply.json();
      expect(ajv.validate(answer as unknown as object, body), `${ajv.errorsText()} in ${JSON.stringify(body)}`).toBe(
        true,
      );
      const refused = await ask(name, { ...GOOD[name], nonsense: 1 });
      expect(refused.headers?.get("Nats-Service-Error-Code")).toBe("400");
      expect(refused.json()).toMatchObject({ error: { code: "bad-request", problems: [{ path: "body.nonsense" }] } });
    },
  );

  test("of several, one answers each question", async () => {
    await serve();
    await serve();
    for (let index = 0; index < 30; index += 1) await ask("user", { user: "u1" });
    const counts = (await everybody("$SRV.STATS.rollcall")).map(
      (stats) => (stats as { endpoints: { num_requests: number }[] }).endpoints[1]!.num_requests,
    );
    expect(counts.reduce((sum, count) => sum + count)).toBe(30);
  });

  test.each([
    ["user", { user: "nobody" }, 404, "unknown-user"],
    ["account", { account: "nobody" }, 404, "unknown-account"],
    ["members", { segment: "none" }, 404, "unknown-segment"],
    ["explain", { segment: "none", id: "u1" }, 404, "unknown-segment"],
    ["explain", { segment: CART.id, id: "nobody" }, 404, "nothing-to-explain"],
    ["members", { segment: CART.id, limit: 1e9 }, 400, "bad-request"],
    ["decide", { user: "u1", after: { partition: 9, seq: 1 } }, 422, "other-log"],
    ["decide", "{", 400, "bad-request"],
    ["decide", "[]", 400, "bad-request"],
    ["decide", "null", 400, "bad-request"],
  ])("%s %j is refused with %i", async (name, request, code, word) => {
    const reply = await ask(name, request);
    expect(reply.headers?.get("Nats-Service-Error-Code")).toBe(`${code}`);
    const { error } = reply.json<{ error: { code: string; message: string } }>();
    expect(error.code).toBe(word);
    expect(reply.headers?.get("Nats-Service-Error")).toBe(error.message.replaceAll(/[^\x20-\x7e]/g, "?"));
  });

  test("a fault of ours is told to the log, and not to whoever asks", async () => {
    audience.failure = new Error("secret words");
    const reply = await ask("user", { user: "u1" });
    expect(reply.headers?.get("Nats-Service-Error-Code")).toBe("500");
    expect(reply.string()).not.toContain("secret words");
    expect(errors).toEqual([{ err: audience.failure }]);
  });

  test("an id that holds half a character is a fault of whoever asks: it has no log", async () => {
    audience.account = async (id) => {
      partitionOf(id, 4);
      return undefined;
    };
    const reply = await ask("account", '{"account":"\\ud800"}');
    expect(reply.headers?.get("Nats-Service-Error-Code")).toBe("400");
    expect(errors).toEqual([]);
  });

  test("an answer goes to an inbox, and nowhere else", async () => {
    const heard: string[] = [];
    asking.subscribe(">", { callback: (_error, message) => void heard.push(message.subject) });
    await asking.flush();
    asking.publish("ask.v1.user", JSON.stringify({ user: "u1" }), { reply: "segment.vip.joined" });
    asking.publish("$SRV.PING", "", { reply: "delta.vip.joined" });
    const asked = async () =>
      (await everybody("$SRV.STATS")).map((one) => (one as { endpoints: { num_requests: number }[] }).endpoints[1]);
    await until("both were heard", async () => (await asked())[0]?.num_requests === 1);
    // What it would have said before these counts stands before them on the same connection.
    expect(heard.filter((subject) => /^(segment|delta)\./.test(subject))).toEqual([]);
  });
});
