// Questions about everybody: no further one once a partition has failed or nobody waits, and so many scans at once.
import { expect, test } from "vitest";
import { askedEach } from "../../lib/api/audience/asking.ts";
import { compareSegments } from "../../lib/api/audience/comparing.ts";
import { Gate } from "../../lib/nats/gate.ts";
import type { Answers } from "../../lib/ports/questions.ts";
import { until } from "../support/until.ts";
import { apiInMemory } from "./api-in-memory.ts";
import { CART } from "./fake-audience.ts";

/** An owner of many slices; `onAsk` runs before each answer. */
function endless(onAsk: (partition: number, asked: number) => Promise<void> | void) {
  const owners = {
    partitions: 4,
    asked: 0,
    async compare(partition: number, { cursor }: { readonly cursor: number }): Promise<Answers["compare"]> {
      owners.asked += 1;
      if (owners.asked > 1_000) throw new Error("asked on and on");
      await onAsk(partition, owners.asked);
      return { position: 1, clock: 0, part: { members: 0, groups: {} }, cursor: cursor + 1, universe: 1 };
    },
  };
  return owners;
}

const ASK = { kind: "user", segments: ["a", "b"] } as const;

test("once nobody waits any more no further question is asked", async () => {
  const controller = new AbortController();
  const reason = new Error("hung up");
  const owners = endless((_partition, asked) => {
    if (asked === 10) controller.abort(reason);
  });
  await expect(compareSegments(owners, { ...ASK, signal: controller.signal })).rejects.toBe(reason);
  const { asked } = owners;
  await new Promise((resolve) => setImmediate(resolve));
  expect(owners.asked).toBe(asked);
  expect(asked).toBeLessThan(20);
});

test("once a partition has failed the others are asked no more", async () => {
  const failure = new Error("partition 2 does not answer");
  const owners = endless((partition, asked) => {
    if (partition === 2 && asked > 10) throw failure;
  });
  await expect(compareSegments(owners, ASK)).rejects.toBe(failure);
  const { asked } = owners;
  await new Promise((resolve) => setImmediate(resolve));
  expect(owners.asked - asked).toBeLessThan(4);
});

test("each is taken once, whoever is at work", async () => {
  const taken: number[] = [];
  await askedEach(
    Array.from({ length: 20 }, (_, n) => n),
    async (n) => {
      await null;
      taken.push(n);
    },
  );
  expect(taken.sort((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, n) => n));
});

test("a scan waits for its turn; who is waited for no more leaves the queue, and a failure hands the turn on", async () => {
  const scans = new Gate(1);
  const failure = new Error("failed");
  let fail = (_error: Error): void => {};
  const first = scans.run(
    () =>
      new Promise((_resolve, reject) => {
        fail = reject;
      }),
  );
  const controller = new AbortController();
  const begun: string[] = [];
  const left = scans.run(async () => begun.push("left"), controller.signal);
  const last = scans.run(async () => begun.push("last"));
  const reason = new Error("hung up");
  controller.abort(reason);
  await expect(left).rejects.toBe(reason);
  expect(begun).toEqual([]);
  fail(failure);
  await expect(first).rejects.toBe(failure);
  await last;
  expect(begun).toEqual(["last"]);
  await scans.run(async () => begun.push("next"));
  expect(begun).toEqual(["last", "next"]);
});

test.each([
  `/v1/segments/${CART.id}/members?sort=newest`,
  `/v1/compare?segments=${CART.id},big-spenders`,
  `/v1/compare/members?in=${CART.id}`,
])("%s hears that its answer comes too late", async (url) => {
  const api = await apiInMemory({ timeoutMs: 50 });
  let ended: unknown;
  const endless = (signal: AbortSignal | undefined) =>
    new Promise<never>((_resolve, reject) => {
      const end = () => {
        ended = signal!.reason;
        reject(signal!.reason as Error);
      };
      if (signal?.aborted === true) end();
      else signal?.addEventListener("abort", end);
    });
  api.audience.members = (_id, { signal }) => endless(signal);
  api.audience.overlap = (_set, { signal }) => endless(signal);
  api.audience.compare = (_kind, _ids, signal?: AbortSignal) => endless(signal);
  const late = await api.app.inject({ method: "GET", url });
  expect([late.statusCode, late.json().error.code]).toEqual([503, "not-answered"]);
  expect(ended).toMatchObject({ code: "not-answered" });
  await api.close();
});

test("whoever hangs up is no failure of ours", async () => {
  const errors: unknown[] = [];
  const api = await apiInMemory({}, { log: { error: (fields) => errors.push(fields) } });
  let [isAsked, ended] = [false, undefined as unknown];
  api.audience.compare = (_kind, _ids, signal?: AbortSignal) =>
    new Promise((_resolve, reject) => {
      isAsked = true;
      signal!.addEventListener("abort", () => {
        ended = signal!.reason;
        reject(ended as Error);
      });
    });
  const url = await api.app.listen({ port: 0 });
  const leaving = new AbortController();
  const asked = fetch(`${url}/v1/compare?segments=${CART.id},big-spenders`, { signal: leaving.signal });
  await until("it is asked", () => isAsked);
  leaving.abort();
  await expect(asked).rejects.toThrow();
  await until("nobody waits", () => ended !== undefined);
  await api.close();
  expect(ended).toMatchObject({ code: "gone" });
  expect(errors).toEqual([]);
});
