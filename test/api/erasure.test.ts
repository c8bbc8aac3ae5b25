// What an erasure says at once: its revision, and the lists whose entries go on naming the id. What it does is test/actors/'s.
import { expect, test } from "vitest";
import { forget, NoSuchId } from "../../lib/api/operations/erasure.ts";
import { Catalogue } from "../../lib/api/segments/catalogue.ts";
import { DEFAULT_LIMITS } from "../../lib/core/types.ts";
import { ControlInMemory } from "./control-in-memory.ts";

async function opened() {
  const control = new ControlInMemory();
  return { control, catalogue: await Catalogue.open(control, DEFAULT_LIMITS), limits: DEFAULT_LIMITS };
}

test("it names the lists whose entries hold the id, also those that are gone or let go of it", async () => {
  const services = await opened();
  const { control, catalogue } = services;
  control.write({ op: "list", id: "vips", mode: "add", members: ["ann", "bob"] });
  control.write({ op: "list", id: "staff", mode: "replace", members: ["bob"] });
  control.write({ op: "list", id: "old", mode: "add", members: ["ann"] });
  control.write({ op: "removeList", id: "old" });
  control.write({ op: "list", id: "vips", mode: "remove", members: ["ann"] });
  control.write(null as never);
  expect(await forget(services, "user", "ann")).toEqual({ revision: 7, lists: ["old", "vips"] });
  expect(JSON.stringify(control.entries.at(-1))).not.toContain("ann");
  expect(catalogue.erasures).toMatchObject([{ revision: 7, kind: "user" }]);
});

test("it names none where there is none, also before anything was written", async () => {
  expect(await forget(await opened(), "account", "acme")).toEqual({ revision: 1, lists: [] });
});

test("what can be nobody's id is refused, and nothing is written", async () => {
  const services = await opened();
  for (const id of ["", "x".repeat(DEFAULT_LIMITS.idBytesMax + 1), "\ud800"])
    await expect(forget(services, "user", id)).rejects.toThrow(NoSuchId);
  expect(services.control.entries).toEqual([]);
});
