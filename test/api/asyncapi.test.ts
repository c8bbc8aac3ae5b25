// The AsyncAPI document: the committed copy is what the schemas make, every reference leads somewhere, every schema compiles,
// and real deltas and events are as it says. UPDATE=1 writes docs/schemas/asyncapi.json anew.
import { readFileSync, writeFileSync } from "node:fs";
import { Ajv2020 } from "ajv/dist/2020.js";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ENDPOINTS } from "../../lib/api/operations/services.ts";
import { encodeDelta } from "../../lib/core/deltas.ts";
import { type ApiInMemory, apiInMemory } from "./api-in-memory.ts";
import { deltaOf } from "./fake-audience.ts";

const COPY = new URL("../../docs/schemas/asyncapi.json", import.meta.url);

interface Reference {
  readonly $ref: string;
}

interface Operation {
  readonly action: string;
  readonly channel: Reference;
  readonly messages: readonly Reference[];
  readonly reply?: { readonly channel: Reference; readonly messages: readonly Reference[] };
}

interface Message {
  readonly payload: object;
  readonly headers?: { readonly properties: object };
  readonly examples?: readonly { readonly payload: unknown }[];
}

interface Document {
  readonly asyncapi: string;
  readonly channels: Readonly<
    Record<string, { readonly address: string | null; readonly parameters?: object; readonly messages: object }>
  >;
  readonly operations: Readonly<Record<string, Operation>>;
  readonly components: { readonly messages: Readonly<Record<string, Message>> };
}

let api: ApiInMemory;
let document: Document;
let ajv: Ajv2020;

beforeAll(async () => {
  api = await apiInMemory();
  const response = await api.app.inject({ method: "GET", url: "/asyncapi.json" });
  expect(response.statusCode).toBe(200);
  document = response.json();
  ajv = new Ajv2020({ strict: false, validateFormats: false });
  ajv.addSchema({ ...document, $id: "asyncapi" });
});
afterAll(() => api.close());

function accepts(message: string, value: unknown): boolean {
  const at = { $ref: `asyncapi#/components/messages/${message}/payload` };
  return ajv.validate(at, value);
}

function at(pointer: string): unknown {
  return pointer
    .slice(2)
    .split("/")
    .reduce((inner: unknown, step) => (inner as Record<string, unknown> | undefined)?.[step], document);
}

test("the committed copy is what the schemas make", () => {
  const text = `${JSON.stringify(document, null, 2)}\n`;
  if (process.env.UPDATE === "1") writeFileSync(COPY, text);
  expect(readFileSync(COPY, "utf8"), "run UPDATE=1 npx vitest run test/api/asyncapi").toBe(text);
});

test("every reference leads somewhere, and nothing refers out of the document", () => {
  const references = [...JSON.stringify(document).matchAll(/"\$ref":"([^"]+)"/g)].map(([, pointer]) => pointer!);
  expect(references.length).toBeGreaterThan(50);
  for (const pointer of references) {
    expect(pointer).toMatch(/^#\//);
    expect(at(pointer), pointer).toBeDefined();
  }
});

test("it is AsyncAPI 3: operations of channels, messages of the same channel, parameters of addresses", () => {
  expect(document.asyncapi).toBe("3.0.0");
  for (const [name, { action, channel, messages, reply }] of Object.entries(document.operations)) {
    expect(["send", "receive"], name).toContain(action);
    for (const { $ref } of messages) expect($ref.startsWith(`${channel.$ref}/messages/`), name).toBe(true);
    for (const { $ref } of reply?.messages ?? [])
      expect($ref.startsWith(`${reply!.channel.$ref}/messages/`), name).toBe(true);
  }
  for (const [name, { address, parameters = {} }] of Object.entries(document.channels)) {
    const named = [...(address ?? "").matchAll(/\{(\w+)\}/g)].map(([, parameter]) => parameter);
    expect(Object.keys(parameters), name).toEqual(named);
  }
  const asked = ENDPOINTS.map(({ name }) => document.channels[name]?.address);
  expect(asked).toEqual(ENDPOINTS.map(({ name }) => `ask.v1.${name}`));
});

test("each payload compiles, and each example is as it says", () => {
  for (const [name, { examples = [] }] of Object.entries(document.components.messages)) {
    for (const { payload } of examples) expect(accepts(name, payload), `${name}: ${ajv.errorsText()}`).toBe(true);
    accepts(name, {});
  }
});

test("a delta as it is said is one, and a field more or less is none", () => {
  const delta = JSON.parse(encodeDelta(deltaOf("u1"))) as object;
  expect(accepts("Delta", delta), ajv.errorsText()).toBe(true);
  expect(accepts("Delta", { ...delta, more: 1 })).toBe(false);
  expect(accepts("Delta", { ...delta, n: undefined })).toBe(false);
  expect(accepts("Event", { type: "track", userId: "u1", event: "X" })).toBe(true);
  expect(accepts("Event", { type: "dance", userId: "u1" })).toBe(false);
});

test("a reject's headers are those that are set", () => {
  const source = readFileSync(new URL("../../lib/nats/rejects.ts", import.meta.url), "utf8");
  const set = [...source.matchAll(/mh\.set\("(Rollcall-\w+)"/g)].map(([, header]) => header!);
  const { properties } = document.components.messages.Rejected!.headers!;
  expect(Object.keys(properties).sort()).toEqual([...set, "traceparent", "tracestate"].sort());
});

test("a named data set has its prefix before every subject", async () => {
  const named = await apiInMemory({}, { subjectPrefix: "shop." });
  const { channels } = (await named.app.inject({ method: "GET", url: "/asyncapi.json" })).json<Document>();
  const addresses = Object.values(channels).flatMap(({ address }) => (address === null ? [] : [address]));
  expect(addresses.filter((address) => !address.startsWith("shop."))).toEqual([]);
  await named.close();
});
