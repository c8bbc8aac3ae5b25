// The contract of the HTTP interface, against memory: every route, good and bad.
import { afterAll, beforeAll, expect, test } from "vitest";
import { hashOf } from "../../../lib/api/security/keys.ts";
import { type ApiInMemory, apiInMemory } from "../api-in-memory.ts";
import { Contract } from "./suite.ts";

/** Tags whose routes ask by POST, or take events. */
const UNAUDITED: ReadonlySet<string> = new Set(["events", "decide"]);

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
async function whatExamplesName({ control, keys }: ApiInMemory): Promise<void> {
  control.write({ op: "items", mode: "merge", items: [{ id: "sku-1", attributes: { price: 4 } }] });
  const [id, created] = ["aaaaaaaaaa", "2026-11-23T10:00:00.000Z"];
  await keys.put({ id, name: "old", role: "read", personal: false, hash: hashOf("x"), created, createdBy: "test" }, 0);
}

test("every route answers as the document says, when it is asked as its examples say", async () => {
  for (const operation of contract.operations) await contract.good(operation);
  expect(contract.operations.length).toBeGreaterThan(20);
});

test("and refuses in the documented way whatever else it is asked, and does nothing of it", async () => {
  const written = () => [api.audit.entries.length, api.control.entries.length, api.keys.kept.size];
  const before = written();
  let asked = 0;
  for (const operation of contract.operations) asked += await contract.bad(operation);
  expect(asked).toBeGreaterThan(100);
  expect(written()).toEqual(before);
});

test("whatever changes something is written down", () => {
  const changing = contract.operations.filter(({ method }) => method !== "GET");
  const said = new Set(api.audit.entries.map(({ what }) => what));
  // Events are the data, not a change of what they mean; they have a log of their own.
  const audited = changing.filter(({ operation }) => !operation.tags?.some((tag) => UNAUDITED.has(tag)));
  expect(said.size, [...said].join(", ")).toBe(audited.length);
});
