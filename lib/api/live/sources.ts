// What each topic of the live stream tells, and of whom it asks. How it is told is source.ts.
import { isDeepStrictEqual } from "node:util";
import { idsNamed } from "../../core/named.ts";
import type { Delta, Json, JsonObject, MemberKind } from "../../core/types.ts";
import type { EventTap, TappedEvent } from "../../ports/event-tap.ts";
import type { Audience, Overview } from "../audience/audience.ts";
import type { Whose } from "../audience/recent.ts";
import { accountOut, deltaOut, userOut } from "../audience/shapes.ts";
import type { Operating, Operations } from "../operations/operating.ts";
import { accountMasked, deltaMasked, idOut, type Masking, userMasked, valuesMasked } from "../security/masking.ts";
import { GatheredSource, PolledSource, type Source } from "./source.ts";
import type { Topic } from "./topics.ts";

export interface Asked {
  readonly audience: Audience;
  readonly tap: EventTap;
  readonly operating: Operating;
  readonly traitsShown: ReadonlySet<string>;
}

const KINDS: readonly MemberKind[] = ["user", "account"];
const POLL_MS = 1_000;
const CHANGES_A_BATCH_MAX = 20;
const EVENTS_A_BATCH_MAX = 20;
/** Of one message; a larger one is named, and not shown. */
const EVENT_BYTES_SHOWN_MAX = 4_096;

export function sourceOf({ kind, id }: Topic, asked: Asked): Source {
  switch (kind) {
    case "sizes":
      return sizes(asked);
    case "changes":
      return changes(asked, () => true);
    case "segment":
      return changes(asked, ({ segment }) => segment === id, id);
    case "user":
      return person(asked, async (masking) => {
        const user = await asked.audience.user(id);
        return user === undefined ? null : (userOut(userMasked(user, masking)) as JsonObject);
      });
    case "account":
      return person(asked, async (masking) => {
        const account = await asked.audience.account(id);
        return account === undefined ? null : (accountOut(accountMasked(account, masking)) as JsonObject);
      });
    case "events":
      return events(asked);
    case "operations":
      return operations(asked);
  }
}

function sizes({ audience }: Asked): Source {
  return new PolledSource<Overview>({
    periodMs: POLL_MS,
    ask: () => audience.overview(),
    whole: (overview) => overview as unknown as Json,
    difference(before, after) {
      const known = new Map(before.segments.map((segment) => [segment.id, segment]));
      const segments = after.segments.filter((segment) => !isDeepStrictEqual(known.get(segment.id), segment));
      const left = new Set(after.segments.map(({ id }) => id));
      const removed = before.segments.flatMap(({ id }) => (left.has(id) ? [] : [id]));
      if (segments.length === 0 && removed.length === 0 && before.universe === after.universe) return undefined;
      return { universe: after.universe, segments, removed } as unknown as Json;
    },
  });
}

function changes({ audience, traitsShown }: Asked, wanted: (delta: Delta) => boolean, segment?: string): Source {
  return new GatheredSource<Delta>({
    batchMax: CHANGES_A_BATCH_MAX,
    recent: audience.recent().filter(wanted),
    whose: (delta) => [delta],
    onErased: (listener) => audience.onErased(listener),
    listen: (onOne) =>
      audience.onDelta((delta) => {
        if (wanted(delta)) onOne(delta);
      }),
    shown: (delta, personal) => deltaOut(deltaMasked(delta, { personal, traitsShown })),
    ...(segment === undefined
      ? {}
      : {
          besides: async () => {
            const { definition: _, ...summary } = (await audience.segment(segment)) ?? { definition: null };
            return () => ({ segment: "id" in summary ? (summary as unknown as Json) : null });
          },
        }),
  });
}

interface Seen {
  readonly full: JsonObject | null;
  readonly masked: JsonObject | null;
}

/** Null: nobody knows the id, yet. */
function person({ traitsShown }: Asked, ask: (masking: Masking) => Promise<JsonObject | null>): Source {
  const of = (seen: Seen, personal: boolean): JsonObject | null => (personal ? seen.full : seen.masked);
  return new PolledSource<Seen>({
    periodMs: POLL_MS,
    ask: async () => {
      const [full, masked] = await Promise.all(
        [true, false].map((personal) => ask({ personal, traitsShown })) as [
          Promise<JsonObject | null>,
          Promise<JsonObject | null>,
        ],
      );
      return { full, masked };
    },
    whole: (seen, personal) => ({ profile: of(seen, personal) }),
    difference(before, after, personal) {
      const [old, now] = [of(before, personal), of(after, personal)];
      if (isDeepStrictEqual(old, now)) return undefined;
      if (old === null || now === null) return { profile: now };
      const changed = Object.entries(now).filter(([name, value]) => !isDeepStrictEqual(old[name], value));
      return { changed: Object.fromEntries(changed), removed: Object.keys(old).filter((name) => !(name in now)) };
    },
  });
}

function events({ audience, tap, traitsShown }: Asked): Source {
  return new GatheredSource<TappedEvent>({
    batchMax: EVENTS_A_BATCH_MAX,
    recent: [],
    whose: ({ body }) => whoseIs(body),
    onErased: (listener) => audience.onErased(listener),
    listen: (onOne) => tap.listen(onOne),
    shown: (event, personal) => eventOut(event, { personal, traitsShown }),
  });
}

/** Who, when and what; the message itself with its values masked where personal data is. */
function eventOut({ partition, kind, at, body }: TappedEvent, masking: Masking): Json {
  const heard = { partition, kind, receivedAt: new Date(at).toISOString(), bytes: body.length };
  const message = body.length > EVENT_BYTES_SHOWN_MAX ? undefined : messageOf(body);
  if (message === undefined) return { ...heard, id: null, type: null, event: null, message: null };
  const { userId, anonymousId, groupId, type, event, name } = message;
  const id = [userId, anonymousId, groupId].find((one): one is string => typeof one === "string");
  const text = (value: Json | undefined): string | null => (typeof value === "string" ? value : null);
  return {
    ...heard,
    id: id === undefined ? null : idOut(id, masking),
    type: text(type),
    event: text(event) ?? text(name),
    message: masking.personal ? message : valuesMasked(message),
  };
}

/** Whoever is named where a message says whose it is. */
function whoseIs(body: Uint8Array): readonly Whose[] {
  return KINDS.flatMap((kind) => idsNamed(body, kind).map((id) => ({ kind, id })));
}

function messageOf(body: Uint8Array): JsonObject | undefined {
  try {
    const read = JSON.parse(Buffer.from(body).toString()) as Json;
    return typeof read === "object" && read !== null && !Array.isArray(read) ? (read as JsonObject) : undefined;
  } catch {
    return undefined;
  }
}

function operations({ operating }: Asked): Source {
  return new PolledSource<Operations>({
    periodMs: POLL_MS,
    ask: () => operating.look(),
    whole: (operations) => operations as unknown as Json,
    difference(before, after) {
      const partitions = after.partitions.filter((one, index) => !isDeepStrictEqual(before.partitions[index], one));
      const known = new Map(before.workers.map((worker) => [worker.id, worker]));
      const workers = after.workers.filter((worker) => !isDeepStrictEqual(known.get(worker.id), worker));
      const there = new Set(after.workers.map(({ id }) => id));
      const removed = before.workers.flatMap(({ id }) => (there.has(id) ? [] : [id]));
      if (partitions.length === 0 && workers.length === 0 && removed.length === 0) return undefined;
      return { workers, partitions, removed } as unknown as Json;
    },
  });
}
