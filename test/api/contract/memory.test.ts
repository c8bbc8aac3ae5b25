// The contract of the HTTP interface, against memory: every route, good and bad.
import { afterAll, beforeAll, expect, test } from "vitest";
import { hashOf } from "../../../lib/api/security/keys.ts";
import { type ApiInMemory, apiInMemory } from "../api-in-memory.ts";
import { CART } from "../fake-audience.ts";
import { NAMED, putExports, WAITING, waiting } from "./named.ts";
import { Contract } from "./suite.ts";

let api: ApiInMemory;
let contract: Contract;

beforeAll(async () => {
  api = await apiInMemory({ requestsPerMinuteMax: 0 });
  const { authorization } = await api.header("admin", true);
  await whatExamplesName(api);
  contract = await Contract.of({ url: await api.app.listen({ host: "127.0.0.1", port: 0 }), authorization });
});
afterAll(() => api.close());

/** The examples of the document name these; a group of routes adds its own here. */
async function whatExamplesName({ control, keys, people, jobStore, exportFiles }: ApiInMemory): Promise<void> {
  await putExports(jobStore, exportFiles, 0);
  for (const entry of [...NAMED, ...Object.values(WAITING).map(waiting)]) control.write(entry);
  control.write({ op: "apply", define: [CART.definition], remove: [] });
  const added = { type: "track", event: "Product Added", properties: { product_id: "sku-1", price: 60 } };
  people.event("u1", added);
  people.event("u1", { type: "group", groupId: "acme", traits: { plan: "trial" } });
  control.write({ op: "items", mode: "merge", items: [{ id: "sku-1", attributes: { price: 4 } }] });
  const [id, created] = ["aaaaaaaaaa", "2026-11-23T10:00:00.000Z"];
  await keys.put({ id, name: "old", role: "read", personal: false, hash: hashOf("x"), created, createdBy: "test" }, 0);
}

test("every route answers as the document says, when it is asked as its examples say, and what changes something is written down", async () => {
  expect(contract.operations.length).toBeGreaterThan(20);
  for (const operation of contract.operations) {
    const { length } = api.audit.entries;
    await contract.good(operation);
    const { method, name } = operation;
    const isChange = method !== "GET" && operation.operation["x-not-audited"] === undefined;
    if (isChange) expect(api.audit.entries.length, `${name} is not in the log of changes`).toBeGreaterThan(length);
  }
});

test("and refuses in the documented way whatever else it is asked, and does nothing of it", async () => {
  const written = () => [
    api.audit.entries.length,
    api.control.entries.length,
    api.keys.kept.size,
    api.intake.stored.length,
    api.importLogs.rows.length,
    api.exportFiles.pieces.size,
  ];
  const before = written();
  let asked = 0;
  for (const operation of contract.operations) asked += await contract.bad(operation);
  expect(asked).toBeGreaterThan(100);
  expect(written()).toEqual(before);
});
