// Which traces go on and as what: W3C Trace Context, word for word where it leaves no choice.
import { expect, test } from "vitest";
import { traceIdOf, traceOf } from "../../lib/core/trace.ts";

const ID = "0af7651916cd43dd8448eb211c80319c";
const PARENT = "b7ad6b7169203331";
const SENT = `00-${ID}-${PARENT}-01`;

test("what is valid goes on as it came, and names its trace", () => {
  for (const flags of ["00", "01", "03", "ff"])
    expect(traceOf(`00-${ID}-${PARENT}-${flags}`)).toEqual({ traceparent: `00-${ID}-${PARENT}-${flags}` });
  expect(traceIdOf(traceOf(SENT)!)).toBe(ID);
});

test.each([
  ["none", undefined],
  ["nothing", ""],
  ["words", "nonsense"],
  ["a trace of zeros", `00-${"0".repeat(32)}-${PARENT}-01`],
  ["a parent of zeros", `00-${ID}-${"0".repeat(16)}-01`],
  ["capital letters", SENT.toUpperCase()],
  ["one that is too short", SENT.slice(0, -1)],
  ["more than its version has", `${SENT}-01`],
  ["a line that goes on", `${SENT}\r\nNats-Rollup: sub`],
  ["the version that there never is", `ff${SENT.slice(2)}`],
  ["two in one", `${SENT}, ${SENT}`],
  ["a later version that goes on without a hyphen", `01${SENT.slice(2)}01`],
])("%s is no trace, and its state is none", (_what, traceparent) => {
  expect(traceOf(traceparent, "vendor=1")).toBeUndefined();
});

test("of a later version what is known goes on, under the version that is known", () => {
  expect(traceOf(`01${SENT.slice(2)}`)).toEqual({ traceparent: SENT });
  expect(traceOf(`cc-${ID}-${PARENT}-f9-what-comes`)).toEqual({ traceparent: SENT });
});

test("a state goes on beside its trace, by whole members and no longer than anybody must pass on", () => {
  expect(traceOf(SENT, " a=1, b=2 ")).toEqual({ traceparent: SENT, tracestate: "a=1, b=2" });
  const member = (index: number): string => `vendor${index}=${"x".repeat(90)}`;
  const members = Array.from({ length: 10 }, (_, index) => member(index));
  const { tracestate } = traceOf(SENT, members.join(","))!;
  expect(tracestate).toBe(members.slice(0, 5).join(","));
  expect(tracestate!.length).toBeLessThanOrEqual(512);
  expect(traceOf(SENT, `a=${"x".repeat(510)}`)).toEqual({ traceparent: SENT, tracestate: `a=${"x".repeat(510)}` });
  for (const refused of ["", " ", "a=ä", "a=1\r\nNats-Rollup: sub", `a=${"x".repeat(600)}`])
    expect(traceOf(SENT, refused), refused).toEqual({ traceparent: SENT });
});
