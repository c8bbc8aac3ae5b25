// The vocabulary's JSON Schema, for editors and for whoever writes one by program. vocabulary-document.ts reads what it
// allows, and says more exactly what is wrong; a test holds the two together, and this to docs/schemas.
import type { JsonObject } from "./types.ts";

const NAME = { type: "string", minLength: 1 };
const NAMES = { type: "array", items: NAME };
const LABEL = { type: ["string", "number"], minLength: 1 };
const DURATION = { type: "string", pattern: "^[0-9]{1,15}[smhdw]$", description: "A duration: 30s, 5m, 2h, 7d, 4w." };
const WHERE = { type: "object", minProperties: 1, description: "Tests by path, as in a segment's rule." };

function closed(properties: JsonObject, required: readonly string[] = []): JsonObject {
  return { type: "object", additionalProperties: false, properties, ...(required.length > 0 ? { required } : {}) };
}

/** Entries laid over the default's; null takes one away. */
function entries(one: JsonObject, description: string): JsonObject {
  return {
    type: "object",
    description: `${description} Each entry is laid over the default's; null takes one away.`,
    propertyNames: { minLength: 1 },
    additionalProperties: { anyOf: [one, { type: "null" }] },
  };
}

const STEP_NAME = { ...NAME, description: "By which a funnel rule names the step." };

function step(kind: string, body: JsonObject): JsonObject {
  return closed({ name: STEP_NAME, [kind]: body }, ["name", kind]);
}

const STEP: JsonObject = {
  oneOf: [
    step(
      "event",
      closed(
        {
          name: {
            anyOf: [LABEL, closed({ any: { type: "array", minItems: 1, items: LABEL } }, ["any"])],
          },
          where: WHERE,
        },
        ["name"],
      ),
    ),
    step(
      "item",
      closed({ action: LABEL, type: LABEL, ids: { type: "array", minItems: 1, items: LABEL }, where: WHERE }, [
        "action",
      ]),
    ),
    step("order", closed({ where: WHERE })),
    step("campaign", closed({ outcome: LABEL, id: LABEL, experience: LABEL, where: WHERE }, ["outcome"])),
  ],
};

const WEIGHT = {
  type: "number",
  minimum: -100,
  maximum: 100,
  not: { const: 0 },
  description: "Points it gives at most.",
};
const FULL = { type: "number", exclusiveMinimum: 0, description: "From so many on, the whole weight counts." };

const PART: JsonObject = {
  oneOf: [
    closed({ weight: WEIGHT, full: FULL, visits: { const: true } }, ["weight", "full", "visits"]),
    closed({ weight: WEIGHT, full: FULL, event: { anyOf: [NAME, { ...NAMES, minItems: 1 }] } }, [
      "weight",
      "full",
      "event",
    ]),
    closed({ weight: WEIGHT, full: FULL, trait: { ...NAME, description: "A path." } }, ["weight", "full", "trait"]),
    closed({ weight: WEIGHT, full: FULL, segment: { type: "string", pattern: "^[a-z0-9][a-z0-9-]{0,63}$" } }, [
      "weight",
      "segment",
    ]),
  ],
};

export const VOCABULARY_SCHEMA: JsonObject = {
  $schema: "https://json-schema.org/draft/2020-12/schema",
  $id: "/v1/schemas/vocabulary.json",
  title: "Vocabulary",
  description: "What gives events their meaning. What is left out stays as it is by default.",
  ...closed({
    visit: closed({ idle: { ...DURATION, description: "A visit ends when the gap to the next event is so long." } }),
    currency: {
      type: "string",
      pattern: "^[A-Z]{3}$",
      description: "Amounts in another currency are missing; nothing is converted.",
    },
    items: closed({
      types: { ...NAMES, description: "The types of the catalogue; the whole list." },
      events: entries(
        closed({ action: NAME, of: { enum: ["product", "products", "category", "item"] } }, ["action"]),
        "Which events are interactions with items.",
      ),
    }),
    campaigns: entries(NAME, "The outcome of a campaign by event name."),
    funnels: entries(
      closed({ steps: { type: "array", minItems: 1, items: STEP } }, ["steps"]),
      "Ordered funnels by id.",
    ),
    engagement: closed({
      cycle: { ...DURATION, description: "Visits and events count for so long." },
      parts: { type: "array", minItems: 1, maxItems: 100, items: PART, description: "The whole list." },
    }),
    referrers: entries(closed({ medium: NAME, name: NAME }, ["medium", "name"]), "By domain, subdomains included."),
    traits: closed({ personal: NAMES, sensitive: NAMES }),
    trusted: { ...NAMES, description: "Channels whose events may say what is else resolved at the door." },
  }),
};
