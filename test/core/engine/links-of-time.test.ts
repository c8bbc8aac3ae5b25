// What one side tells the other because time has passed is known from what the message under way has caused: the trace of
// somebody's event must not stand beside what silence did to somebody else.
import { expect, test } from "vitest";
import { Outbox } from "../../../lib/core/engine/links/outbox.ts";
import { decodeLink, type LinkMessage } from "../../../lib/core/links.ts";
import { MachineCluster } from "../../support/machine-cluster.ts";

const itemsOf = ({ body }: LinkMessage) => decodeLink(JSON.parse(body))!.items;

test("an outbox marks each message that holds anything of before, and forgets it with the step", () => {
  const outbox = new Outbox(0, 3);
  const [one, two] = [
    { id: "one", home: 1 },
    { id: "two", home: 2 },
  ].map((belonging) => ({ ...belonging, seq: 1, since: 0, on: undefined }));
  outbox.userTurned(one!, "1.0", false);
  outbox.timePassed();
  outbox.userTurned(two!, "1.0", true);
  outbox.close(1);
  expect(outbox.take().map(({ to, isOfTime }) => [to, isOfTime])).toEqual([
    [1, true],
    [2, undefined],
  ]);
  outbox.timePassed();
  outbox.userTurned(one!, "1.0", true);
  outbox.close(2);
  expect(outbox.take().map(({ to, isOfTime }) => [to, isOfTime])).toEqual([[1, undefined]]);
});

test("a user who falls silent as another's event moves the clock", () => {
  const cluster = new MachineCluster(1);
  cluster.define([
    {
      id: "lively",
      kind: "account",
      rule: { users: { rule: { event: { name: "Used", window: { last: "1h" } } }, atLeast: 1 } },
    },
  ]);
  for (const user of ["a", "b"]) cluster.event(user, { type: "group", groupId: `of-${user}` });
  const told: LinkMessage[] = [];
  cluster.onLink = (link) => void told.push(link);
  cluster.event("a", { type: "track", event: "Used" });
  expect(told.map((link) => [itemsOf(link).map(({ op }) => op), link.isOfTime])).toEqual([
    [["event", "count"], undefined],
  ]);
  told.length = 0;
  cluster.stamp += 2 * 3_600_000;
  cluster.event("b", { type: "track", event: "Looked" });
  expect(told.map((link) => [itemsOf(link).map(({ op }) => op), link.isOfTime])).toEqual([[["event", "count"], true]]);
});
