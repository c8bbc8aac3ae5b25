// What a process that serves HTTP still answers once it is told to stop. By a signal to a real one: test/end-to-end/draining.test.ts.
import { EventEmitter, once } from "node:events";
import type { Server } from "node:http";
import { afterEach, beforeEach, expect, onTestFinished, test, vi } from "vitest";
import { Draining } from "../../lib/api/http/draining.ts";
import { SlowRequest } from "../support/slow-request.ts";
import { until } from "../support/until.ts";
import { type ApiInMemory, apiInMemory } from "./api-in-memory.ts";

let api: ApiInMemory;
let url: string;
beforeEach(async () => {
  api = await apiInMemory();
  url = await api.app.listen({ host: "127.0.0.1", port: 0 });
});
afterEach(() => api.close());

/** Its head has come, and half of its body. */
async function begun(path: string, body: object): Promise<SlowRequest> {
  const heard = once(api.app.server, "request");
  const slow = await SlowRequest.begin(url, path, body);
  await heard;
  return slow;
}

const EVENT = { type: "track", userId: "u1", event: "Product Viewed", messageId: "m1" };

test("a body that is arriving then is waited for, stored and answered; the connection ends with the answer", async () => {
  const slow = await begun("/v1/track", EVENT);
  const closed = api.app.close();
  await until("it refuses others", async () => (await fetch(`${url}/healthz`)).status === 503);
  await slow.end();
  expect(await slow.answer()).toMatchObject({ status: 200, body: { success: true }, connection: "close" });
  await closed;
  expect(api.intake.stored.map(({ dedupId }) => dedupId)).toHaveLength(1);
});

test("who asks meanwhile is refused as by any other refusal, and told to ask again", async () => {
  const slow = await begun("/v1/track", EVENT);
  const { headers: usual } = await fetch(`${url}/nowhere`);
  const closed = api.app.close();
  await until("it refuses others", async () => (await fetch(`${url}/healthz`)).status === 503);
  const refused = await fetch(`${url}/v1/segments`);
  expect([refused.status, await refused.json()]).toMatchObject([503, { error: { code: "not-answered" } }]);
  const others = new Set(["date", "content-length", "connection", "keep-alive"]);
  for (const [name, value] of usual) if (!others.has(name)) expect(refused.headers.get(name), name).toBe(value);
  expect(refused.headers.get("retry-after")).toBe("1");
  await slow.end();
  await closed;
});

test("an answer that is being made is waited for, a job is begun no more", async () => {
  const overview = await api.audience.overview();
  let answer: () => void = () => {};
  const asked = new Promise<void>((resolve) => {
    api.audience.overview = () => {
      resolve();
      return new Promise((told) => {
        answer = () => told(overview);
      });
    };
  });
  const segments = fetch(`${url}/v1/segments`);
  await asked;
  const slow = await begun("/v1/exports", { segment: "cart-under-100", format: "csv" });
  const closed = api.app.close();
  await until("it refuses others", async () => (await fetch(`${url}/healthz`)).status === 503);
  await slow.end();
  expect(await slow.answer()).toMatchObject({ status: 503, body: { error: { code: "not-answered" } } });
  answer();
  expect((await segments).status).toBe(200);
  await closed;
});

test.each([
  ["as long as a request may take", 5_000, 5_000],
  ["twenty seconds at most", 600_000, 20_000],
])("who does not end is waited for %s", async (_, timeoutMs, waitedMs) => {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
  const server = Object.assign(new EventEmitter(), { closeIdleConnections: () => {} });
  const draining = new Draining(server as unknown as Server, timeoutMs);
  server.emit("request", {}, Object.assign(new EventEmitter(), { headersSent: true }));
  draining.begin();
  let isOver = false;
  void draining.answered().then(() => {
    isOver = true;
  });
  await vi.advanceTimersByTimeAsync(waitedMs - 1);
  expect(isOver).toBe(false);
  await vi.advanceTimersByTimeAsync(1);
  expect(isOver).toBe(true);
});

test("who waits behind another on a connection goes with it", async () => {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
  const [server, socket, first] = [new EventEmitter(), new EventEmitter(), new EventEmitter()];
  const draining = new Draining(Object.assign(server, { closeIdleConnections: () => {} }) as unknown as Server, 60_000);
  server.emit("connection", socket);
  for (const response of [first, new EventEmitter()])
    server.emit("request", { socket }, Object.assign(response, { headersSent: true }));
  draining.begin();
  let isOver = false;
  void draining.answered().then(() => {
    isOver = true;
  });
  for (const one of [first, socket]) one.emit("close");
  await vi.advanceTimersByTimeAsync(0);
  expect(isOver).toBe(true);
});
