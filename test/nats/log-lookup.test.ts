// What stands in a log from one position to another, against a real server: what was erased is left out, wherever it stood.
import { afterAll, beforeAll, expect, test } from "vitest";
import { NatsEventLog } from "../../lib/nats/event-log.ts";
import { NatsLogLookup } from "../../lib/nats/log-lookup.ts";
import { eraseMessage } from "../../lib/nats/wire.ts";
import { type Provisioned, provisioned } from "../support/nats.ts";

const MESSAGES = 12;
let server: Provisioned;
let lookup: NatsLogLookup;

beforeAll(async () => {
  server = await provisioned({ partitions: 1 });
  lookup = new NatsLogLookup(server.nc, server.names);
  const log = new NatsEventLog(server.nc, server.names, 0);
  for (let n = 1; n <= MESSAGES; n += 1) expect((await log.append("event", `${n}`)).kind).toBe("stored");
  for (const seq of [1, 4, 5, 6, 7, 11, 12]) await eraseMessage(server.nc, server.names.eventsStream(0), seq);
});
afterAll(() => server.stop());

test.each([
  ["a stretch that begins and ends in what is gone", 4, 9, [8, 9]],
  ["ends in it", 2, 6, [2, 3]],
  ["all of it gone, with others after it", 4, 7, []],
  ["all of it gone, with none after it", 11, 12, []],
  ["the whole log", 1, MESSAGES, [2, 3, 8, 9, 10]],
  ["nothing", 3, 2, []],
])("%s", async (_, from, to, expected) => {
  expect((await lookup.between(0, from, to)).map(({ seq }) => seq)).toEqual(expected);
});
