// Reply subjects read by hand, in both of their forms: with a token more at the end, and two more at the start.
import { expect, test } from "vitest";
import { type Delivery, headLength, readDelivery } from "../../lib/nats/delivery.ts";
import { stampMsOf } from "../../lib/nats/wire.ts";

test.each([
  ["$JS.ACK.shop_EVENTS_12.rollcall-Xy-9.1.918221.77.1795454013234567891.4321", 918_221, 1_795_454_013_234, 4_321],
  [
    "$JS.ACK.hub.ACHASH.EVENTS_12.rollcall-Xy-9.1.918221.77.1795454013234567891.4321.r4nd0m",
    918_221,
    1_795_454_013_234,
    4_321,
  ],
  ["$JS.ACK._.ACHASH.EVENTS_0.c.12.1.1.1795454013000999999.0.77", 1, 1_795_454_013_000, 0],
])("%s", (reply, seq, stampMs, pending) => {
  const delivery: Delivery = { seq: 0, stampMs: 0, pending: 0 };
  readDelivery(reply, headLength(reply), delivery);
  expect(delivery).toEqual({ seq, stampMs, pending });
});

test("a stored message's time is cut to the same millisecond as its reply subject's", () => {
  expect(stampMsOf("2026-11-23T10:00:00.1239999Z")).toBe(Date.UTC(2026, 10, 23, 10, 0, 0, 123));
  expect(stampMsOf("2026-11-23T10:00:00Z")).toBe(Date.UTC(2026, 10, 23, 10));
  expect(stampMsOf("2026-11-23T12:00:00.5+02:00")).toBe(Date.UTC(2026, 10, 23, 10, 0, 0, 500));
  expect(() => stampMsOf("yesterday")).toThrow(RangeError);
});
