// The contract, on traces: they stand beside deltas and links, singles and batches, are read with the messages of a log, and
// nobody who scans or reads what was said last ever sees them. Suite.ts runs it in every world.
import { describe, expect, test } from "vitest";
import type { Trace } from "../../lib/core/trace.ts";
import { type Here, idsOf, read, saying, sayings, stored, text, untilRead, upTo, watermark } from "./here.ts";

const traceOfNo = (n: number): Trace => ({
  traceparent: `00-${`${n}`.padStart(32, "a")}-b7ad6b7169203331-01`,
  ...(n % 2 === 0 ? { tracestate: `vendor=${n}` } : {}),
});
/** Every third has none. */
const maybe = (n: number): Trace | undefined => (n % 3 === 0 ? undefined : traceOfNo(n));

export function tracingContract(here: Here): void {
  describe("tracing", () => {
    test("a delta's trace stands beside it, and a scan finds the delta as if it had none", async () => {
      const { mine } = here.fresh();
      const fence = await stored(mine.sink.putWatermark(0, watermark("first")));
      const single = { ...saying("traced", 1), trace: traceOfNo(1) };
      await stored(mine.sink.publish(fence, single));
      const many = sayings("traced-many", 20).map((one, index) => {
        const trace = maybe(index);
        return trace === undefined ? one : { ...one, trace };
      });
      const last = await stored(mine.sink.publishBatch(fence, many, watermark("batch")));
      const traces = await here.world.traces();
      expect(traces.get(single.deltaId)).toEqual(single.trace);
      expect(many.map(({ deltaId }) => traces.get(deltaId))).toEqual(many.map((_, index) => maybe(index)));
      const found = await mine.sink.scan(fence, last);
      expect(idsOf(found)).toEqual(idsOf([single, ...many]));
      expect(found?.map((one) => Object.keys(one).sort())).toEqual(
        [single, ...many].map(() => ["body", "deltaId", "seq"]),
      );
    });

    test("a link's trace is read with it from the log, and is no part of what was said last", async () => {
      const { p: to, mine: target } = here.freshLog();
      const { links } = here.fresh().mine;
      const bodies = upTo(21).map((n) => JSON.stringify({ from: 0, n, items: [] }));
      const traces = bodies.map((_, index) => maybe(index + 1));
      const first = await stored(links.publish(to, 0, bodies.slice(0, 1), traces.slice(0, 1)));
      const last = await stored(links.publish(to, first, bodies.slice(1), traces.slice(1)));
      expect(await links.last(to)).toEqual({ seq: last, body: bodies.at(-1) });
      await stored(links.publish(to, last, ["{}"]));
      const reader = read(target.log, undefined);
      await untilRead(reader, bodies.length + 1);
      reader.reading.stop();
      expect(reader.records.map(({ body }) => text(body))).toEqual([...bodies, "{}"]);
      expect(reader.records.map(({ trace }) => trace)).toEqual([...traces, undefined]);
      expect(Object.keys(reader.records.at(-1)!)).not.toContain("trace");
    });
  });
}
