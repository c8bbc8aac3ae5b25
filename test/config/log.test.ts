// The log tells what happened and not to whom, unless it is asked to; secrets never.
import { Writable } from "node:stream";
import { expect, test } from "vitest";
import { createLog } from "../../lib/log.ts";

function logged(personalData: boolean, fields: object): Record<string, unknown> {
  let text = "";
  const to = new Writable({
    write(chunk, _, done) {
      text += String(chunk);
      done();
    },
  });
  createLog({ level: "info", personalData, fields: { role: "worker" }, to }).info(fields, "told");
  return JSON.parse(text) as Record<string, unknown>;
}

const line = {
  segment: "vip",
  id: "ann@example.org",
  event: { userId: "ann@example.org", name: "Order Completed", traits: { email: "ann@example.org" } },
  nats: { settings: { password: "hush", token: "tick", user: "worker" } },
};

test("members and traits are left out, the rest is told", () => {
  const told = logged(false, line);
  expect(JSON.stringify(told)).not.toContain("ann@example.org");
  expect(told).toMatchObject({
    level: "info",
    role: "worker",
    msg: "told",
    segment: "vip",
    event: { name: "Order Completed" },
  });
});

test("with personal data asked for, secrets stay out all the same", () => {
  const told = logged(true, line);
  expect(told).toMatchObject({ id: "ann@example.org", event: { userId: "ann@example.org" } });
  expect(JSON.stringify(told)).not.toMatch(/hush|tick/);
});
