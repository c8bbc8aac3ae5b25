// A reader whose connection is closed under it: it ends, and keeps no process waiting.
import { afterAll, beforeAll, expect, test } from "vitest";
import { StreamReader } from "../../lib/nats/stream-reader.ts";
import { type Provisioned, provisioned } from "../support/nats.ts";

let server: Provisioned;

beforeAll(async () => {
  server = await provisioned({ partitions: 1 });
});
afterAll(() => server?.stop());

test("whoever closes the connection ends what is read over it, also while it opens", async () => {
  const nc = await server.connection("reader");
  let checks = 0;
  const faults: Error[] = [];
  const reader = new StreamReader({
    nc,
    stream: server.names.definitionsStream,
    next: () => 1,
    room: () => 1,
    check: async () => {
      checks += 1;
      if (checks === 3) await nc.close();
      // As every request over it does from then on.
      throw new Error("no answer");
    },
    onMessage: () => undefined,
    onFault: (error) => faults.push(error),
  });
  await nc.closed();
  await new Promise(setImmediate);
  reader.reopen();
  await new Promise(setImmediate);
  expect([checks, faults]).toEqual([3, []]);
});
