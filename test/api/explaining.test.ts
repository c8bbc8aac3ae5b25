// An explanation across partitions: some of the users that a rule counts, and inside an account's rule the account's own.
import { expect, test } from "vitest";
import { explained } from "../../lib/api/audience/explaining.ts";
import type { ExplainNode } from "../../lib/core/partition.ts";

const CLOCK = Date.UTC(2026, 10, 23, 10);

/** Owners that know these explanations by "segment member", and these users of each rule. */
function asked(explanations: Record<string, ExplainNode>, users: Record<string, string[]> = {}) {
  const questions = {
    explain: async (segment: string, id: string) => ({
      position: 1,
      clock: CLOCK,
      explain: explanations[`${segment} ${id}`] ?? null,
    }),
    accountUsers: async (_account: string, limit: number, rule?: string) => {
      const found = users[rule!];
      if (found === undefined) throw new Error("partition 3: no worker owns it just now");
      return found.slice(0, limit).map((id) => ({ id, holds: [rule!] }));
    },
  };
  return explained({ questions }, "s", { kind: "account", id: "acme" });
}

const node = (rule: string, rest: Partial<ExplainNode> = {}): ExplainNode => ({ rule, pass: true, ...rest });
const crowd = (rule: string, on: number) => node(`users ${rule}`, { users: { rule, on, of: 20 } });

test("the first ten of the users that a rule counts are named; where nobody answers, none are", async () => {
  const active = Array.from({ length: 12 }, (_, index) => `u${index}`);
  const root = node("segment s", {
    nodes: [node("all", { nodes: [crowd("active", 12), crowd("champion", 0), crowd("lost", 3)] })],
  });
  const { explain, clock } = await asked({ "s acme": root }, { active, champion: ["never asked"] });
  expect(clock).toBe(CLOCK);
  const [first, second, third] = explain!.nodes![0]!.nodes!;
  expect(first!.users).toEqual({ rule: "active", on: 12, of: 20, ids: active.slice(0, 10) });
  expect(second!.users).toEqual({ rule: "champion", on: 0, of: 20 });
  expect(third!.users).toEqual({ rule: "lost", on: 3, of: 20 });
});

test("inside a rule about an account stands the account's own explanation, its users with it", async () => {
  const outer = node("segment s", { nodes: [node("account", { account: { id: "inc", flag: "12.0" } })] });
  const flag = node("any", { nodes: [crowd("active", 1)] });
  const { explain } = await asked({ "s acme": outer, "12.0 inc": flag }, { active: ["ann"] });
  expect(explain!.nodes![0]).toEqual({
    ...outer.nodes![0],
    nodes: [{ ...flag, nodes: [{ ...flag.nodes![0], users: { rule: "active", on: 1, of: 20, ids: ["ann"] } }] }],
  });
});

test("an account that nobody knows of leaves its rule without more; a circle ends", async () => {
  const outer = node("segment s", { nodes: [node("account", { account: { id: "inc", flag: "12.0" } })] });
  expect((await asked({ "s acme": outer })).explain).toEqual(outer);
  const circle = node("account", { account: { id: "inc", flag: "12.0" } });
  const { explain } = await asked({ "s acme": circle, "12.0 inc": circle });
  expect(JSON.stringify(explain).match(/"flag":"12.0"/g)).toHaveLength(4);
});
