// What a live stream may be about, as its `topics` name it: `sizes,segment:cart-under-100,user:u1`.
// Read by feed.ts; what each topic tells is sources.ts.
import { HttpError } from "../http/http-error.ts";

/** Topics without an id, and those that name somebody or something. */
const WHOLE = ["sizes", "changes", "events", "operations"] as const;
const NAMING = ["segment", "user", "account"] as const;

export type WholeTopic = (typeof WHOLE)[number];
export type NamingTopic = (typeof NAMING)[number];

export interface Topic {
  readonly kind: WholeTopic | NamingTopic;
  /** "" for a topic that names nothing. */
  readonly id: string;
  /** As it stands in every message: the kind, and the id percent-encoded. */
  readonly text: string;
}

export const TOPICS_DEFAULT = "sizes,changes";
/** Each one that names a person asks their owner once a second. */
export const TOPICS_A_STREAM_MAX = 20;
const ID_LENGTH_MAX = 1_024;

const USAGE =
  "Topics are sizes, changes, events, operations, segment:ID, user:ID, account:ID, with commas between; an id is percent-encoded.";

/** Each once, in the order of their texts, so that the same wish is the same text. */
export function topicsOf(text: string): readonly Topic[] {
  const topics = new Map(
    text
      .split(",")
      .map((part) => topicOf(part.trim()))
      .map((topic) => [topic.text, topic]),
  );
  if (topics.size > TOPICS_A_STREAM_MAX) {
    throw badTopics(`At most ${TOPICS_A_STREAM_MAX} topics a stream; these are ${topics.size}`);
  }
  return [...topics.values()].sort((a, b) => (a.text < b.text ? -1 : a.text > b.text ? 1 : 0));
}

function topicOf(part: string): Topic {
  const whole = WHOLE.find((kind) => kind === part);
  if (whole !== undefined) return { kind: whole, id: "", text: whole };
  const colon = part.indexOf(":");
  const kind = NAMING.find((one) => one === part.slice(0, Math.max(0, colon)));
  const id = kind === undefined ? "" : decoded(part.slice(colon + 1));
  if (kind === undefined || id === "" || id.length > ID_LENGTH_MAX) {
    throw badTopics(`There is no topic ${JSON.stringify(part.slice(0, 80))}`);
  }
  return { kind, id, text: `${kind}:${encodeURIComponent(id)}` };
}

/** Empty for what is no text. */
function decoded(text: string): string {
  try {
    const id = decodeURIComponent(text);
    encodeURIComponent(id);
    return id;
  } catch {
    return "";
  }
}

function badTopics(what: string): HttpError {
  return new HttpError(400, "bad-topics", `query.topics: ${what}. ${USAGE}`);
}
