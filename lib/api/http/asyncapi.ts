// The AsyncAPI 3 document: what goes over NATS, from the same schemas as the OpenAPI document and from the endpoints of the
// service. Served at /asyncapi.json, committed as docs/schemas/asyncapi.json. `receive` and `send` are Rollcall's.
import type { TSchema } from "typebox";
import type { Names } from "../../nats/names.ts";
import { ENDPOINTS } from "../operations/services.ts";
import { ErrorOut, namedSchemas } from "../schemas/common.ts";
import { DeltaOut } from "../schemas/deltas.ts";
import { messageIn } from "../schemas/ingest.ts";

const DESCRIPTION = `Who is in which segment, right now, and who has just joined or left: what goes over NATS. docs/api.md tells of
the questions, docs/events.md of the events, docs/security.md of who may say and hear what.`;

const REJECT_HEADERS = [
  ["Rollcall-Reason", "The subject's last token."],
  ["Rollcall-Detail", "One sentence: the place, and what helps."],
  ["Rollcall-Partition", "Whose log it stands in."],
  ["Rollcall-Seq", "Its place in that log."],
  ["Rollcall-Stamp", "When that log took it."],
  ["Rollcall-Bytes", "How long it was, where not all of it fits."],
] as const;

/** What W3C Trace Context has, beside whatever else a message bears. */
const TRACE_HEADERS = {
  traceparent: { type: "string", description: "W3C Trace Context: an event's goes on with the deltas that it causes." },
  tracestate: { type: "string", description: "Beside it; at most 512 characters go on." },
};

interface Part {
  readonly channels: Readonly<Record<string, object>>;
  readonly operations: Readonly<Record<string, object>>;
  readonly messages: Readonly<Record<string, object>>;
}

export function asyncApi(version: string, names: Names): object {
  const parts = [
    eventsIn(names.eventSubject("{id}"), "events", "user", "Events of a person"),
    eventsIn(names.accountSubject("{id}"), "accounts", "account", "What is known of an account, sent by nobody"),
    deltasOut(names),
    rejectsOut(names),
    ...ENDPOINTS.map((endpoint) => question(names, endpoint)),
  ];
  const merged = <K extends keyof Part>(key: K): object => Object.assign({}, ...parts.map((part) => part[key]));
  const document = {
    asyncapi: "3.0.0",
    info: { title: "Rollcall", version, description: DESCRIPTION, license: { name: "Apache-2.0" } },
    defaultContentType: "application/json",
    servers: {
      nats: { host: "127.0.0.1:4222", protocol: "nats", description: "NATS_URL; `npm start` runs this one." },
    },
    channels: merged("channels"),
    operations: merged("operations"),
    components: { messages: merged("messages"), schemas: schemasOf(merged("messages")) },
  };
  return withOwnReferences(document) as object;
}

function eventsIn(address: string, channel: string, about: "user" | "account", summary: string): Part {
  const message = about === "user" ? "Event" : "AccountEvent";
  return {
    channels: {
      [channel]: {
        address,
        description: `${summary}. Published as a request, the answer is JetStream's acknowledgement: stored.`,
        parameters: {
          id: {
            description: `The ${about}'s id: each byte but A-Z a-z 0-9 "_" "~" "-" as %XX, in upper-case hex, and only so.`,
          },
        },
        messages: { [message]: { $ref: `#/components/messages/${message}` } },
      },
    },
    operations: { [`take-${channel}`]: operation("receive", channel, [message], summary) },
    messages: {
      [message]: {
        ...messageOf(messageIn(about), summary),
        headers: {
          type: "object",
          properties: {
            "Nats-Msg-Id": {
              type: "string",
              description: "A repeat of it within two minutes (the option repeatsKnown) is stored once.",
            },
            ...TRACE_HEADERS,
          },
        },
      },
    },
  };
}

function deltasOut(names: Names): Part {
  const summary = "Somebody has joined a segment, or left it";
  return {
    channels: {
      deltas: {
        address: names.segmentSubject("{segment}", "{change}" as "joined"),
        description: `${summary}. Told once it is stored in the stream ${names.segmentsStream}; a listener that must miss nothing reads that.`,
        parameters: { segment: { description: "The segment's id." }, change: { enum: ["joined", "left"] } },
        messages: { Delta: { $ref: "#/components/messages/Delta" } },
      },
    },
    operations: { "tell-deltas": operation("send", "deltas", ["Delta"], summary) },
    messages: {
      Delta: {
        ...messageOf(DeltaOut, summary),
        headers: {
          type: "object",
          required: ["Rollcall-Delta-Id", "Rollcall-Partition"],
          properties: {
            "Rollcall-Delta-Id": {
              type: "string",
              description: "Segment, kind, id and n: the identity of the change.",
            },
            "Rollcall-Partition": { type: "string", description: "Whose partition spoke." },
            ...TRACE_HEADERS,
          },
        },
      },
    },
  };
}

function rejectsOut(names: Names): Part {
  const summary = "A message that cannot be taken";
  return {
    channels: {
      rejects: {
        address: names.rejectedSubject("{reason}" as "*"),
        description: `${summary}, in the stream ${names.rejectsStream}.`,
        parameters: { reason: { description: "docs/events.md lists them." } },
        messages: { Rejected: { $ref: "#/components/messages/Rejected" } },
      },
    },
    operations: { "tell-rejects": operation("send", "rejects", ["Rejected"], summary) },
    messages: {
      Rejected: {
        summary,
        description: "The bytes that were refused; headers say why.",
        contentType: "application/octet-stream",
        payload: {},
        headers: {
          type: "object",
          required: REJECT_HEADERS.map(([name]) => name).filter((name) => name !== "Rollcall-Bytes"),
          properties: {
            ...Object.fromEntries(REJECT_HEADERS.map(([name, description]) => [name, { type: "string", description }])),
            ...TRACE_HEADERS,
          },
        },
      },
    },
  };
}

function question(names: Names, { name, summary, request, answer }: (typeof ENDPOINTS)[number]): Part {
  const title = name[0]!.toUpperCase() + name.slice(1);
  const [asked, answered] = [`${title}Question`, `${title}Answer`];
  const replies = `${name}-answers`;
  return {
    channels: {
      [name]: {
        address: names.serviceSubject(name),
        description: `${summary}. An endpoint of the NATS service ${names.serviceName}.`,
        messages: { [asked]: { $ref: `#/components/messages/${asked}` } },
      },
      [replies]: {
        address: null,
        description: "The inbox that the question names.",
        messages: {
          [answered]: { $ref: `#/components/messages/${answered}` },
          Refusal: { $ref: "#/components/messages/Refusal" },
        },
      },
    },
    operations: {
      [`answer-${name}`]: {
        ...operation("receive", name, [asked], summary),
        bindings: { nats: { queue: "q", bindingVersion: "0.1.0" } },
        reply: {
          address: { location: "$message.header#/reply", description: "The reply subject; it begins with `_INBOX.`." },
          channel: { $ref: `#/channels/${replies}` },
          messages: [answered, "Refusal"].map((message) => ({ $ref: `#/channels/${replies}/messages/${message}` })),
        },
      },
    },
    messages: {
      [asked]: messageOf(request, summary),
      [answered]: messageOf(answer, summary),
      Refusal: {
        ...messageOf(ErrorOut, "The question cannot be answered"),
        headers: {
          type: "object",
          required: ["Nats-Service-Error", "Nats-Service-Error-Code"],
          properties: {
            "Nats-Service-Error": { type: "string" },
            "Nats-Service-Error-Code": { type: "string", description: "A status of HTTP." },
          },
        },
      },
    },
  };
}

function operation(action: "send" | "receive", channel: string, messages: readonly string[], summary: string): object {
  return {
    action,
    channel: { $ref: `#/channels/${channel}` },
    summary,
    messages: messages.map((message) => ({ $ref: `#/channels/${channel}/messages/${message}` })),
  };
}

function messageOf(schema: TSchema, summary: string): object {
  const { examples, ...payload } = schema as TSchema & { readonly examples?: readonly object[] };
  const shown = examples === undefined ? {} : { examples: examples.map((example) => ({ payload: example })) };
  return { summary, payload, ...shown };
}

/** The named schemas that messages refer to, and those that these refer to. */
function schemasOf(messages: object): object {
  const all = new Map(namedSchemas().map(({ $id, ...schema }) => [$id, schema]));
  const found = new Map<string, object>();
  const look = (value: object): void => {
    for (const [, name] of JSON.stringify(value).matchAll(/"\$ref":"([^"#]+)#"/g)) {
      if (found.has(name!)) continue;
      found.set(name!, all.get(name!)!);
      look(all.get(name!)!);
    }
  };
  look(messages);
  return Object.fromEntries([...found].sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Within this document a schema's name stands elsewhere than where the routes' compiler looks for it. */
function withOwnReferences(document: object): unknown {
  return JSON.parse(JSON.stringify(document), (key, value: unknown) =>
    key === "$ref" && typeof value === "string" && value.endsWith("#")
      ? `#/components/schemas/${value.slice(0, -1)}`
      : value,
  );
}
