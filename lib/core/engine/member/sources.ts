// Where a visit came from: what an event's context says of it (campaign, referrer), and the record that a rule reads,
// by a vocabulary's referrer table. visits.ts keeps the first, so that one memory serves every table.
import { isIP } from "node:net";
import type { Json, JsonObject } from "../../types.ts";
import type { Referrer, Vocabulary } from "../../vocabulary.ts";

export type Referrers = Vocabulary["referrers"];

/** As the event gave it: texts that are not empty. */
export interface SourceSeen {
  readonly medium?: string;
  readonly name?: string;
  readonly campaign?: string;
  readonly term?: string;
  readonly content?: string;
  /** The referrer as written. */
  readonly url?: string;
  /** Of the referrer, in lower case, without a trailing dot. */
  readonly host?: string;
}

/** Undefined where an event tells of no source: no campaign, and no referrer but the site itself. */
export function sourceSeen(context: JsonObject): SourceSeen | undefined {
  const campaign = objectAt(context.campaign);
  const page = objectAt(context.page);
  const seen: { -readonly [K in keyof SourceSeen]: SourceSeen[K] } = {};
  if (campaign !== undefined) {
    take(seen, "medium", campaign.medium);
    take(seen, "name", campaign.source);
    take(seen, "campaign", campaign.name);
    take(seen, "term", campaign.term);
    take(seen, "content", campaign.content);
  }
  const referrer = [page?.referrer, objectAt(context.referrer)?.url].find((url) => webHost(url) !== undefined);
  const host = webHost(referrer);
  // Who comes from the site itself comes from nowhere.
  if (host !== undefined && host !== hostOf(page?.url)) {
    seen.url = referrer as string;
    seen.host = host;
  }
  return Object.keys(seen).length > 0 ? seen : undefined;
}

function take(seen: Record<string, string>, field: keyof SourceSeen, value: Json | undefined): void {
  if (typeof value === "string" && value !== "") seen[field] = value;
}

function objectAt(value: Json | undefined): JsonObject | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as JsonObject) : undefined;
}

function parsed(text: Json | undefined): URL | undefined {
  return typeof text === "string" && URL.canParse(text) ? new URL(text) : undefined;
}

function hostOf(text: Json | undefined): string | undefined {
  return parsed(text)?.hostname.replace(/\.$/, "");
}

function webHost(text: Json | undefined): string | undefined {
  const url = parsed(text);
  return url?.protocol === "http:" || url?.protocol === "https:" ? url.hostname.replace(/\.$/, "") : undefined;
}

/** The record of a visit's source; undefined is a visit of which no event told any. */
export function sourceRecord(seen: SourceSeen | undefined, referrers: Referrers): JsonObject {
  if (seen === undefined) return DIRECT;
  const { host } = seen;
  const known = host === undefined ? undefined : referrerOf(host, referrers);
  const [domain, subdomain] = host === undefined ? [] : domainOf(host);
  const fields = {
    medium: seen.medium ?? known?.medium ?? (host === undefined ? "direct" : "referral"),
    name: seen.name ?? known?.name ?? domain,
    campaign: seen.campaign,
    term: seen.term,
    content: seen.content,
    url: seen.url,
    domain,
    subdomain,
  };
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as JsonObject;
}

const DIRECT: JsonObject = { medium: "direct" };

/** The longest domain of the table that the host is, or is a part of. */
function referrerOf(host: string, referrers: Referrers): Referrer | undefined {
  for (let name = host; name !== ""; name = name.slice(name.indexOf(".") + 1)) {
    if (Object.hasOwn(referrers, name)) return referrers[name];
    if (!name.includes(".")) return undefined;
  }
  return undefined;
}

const SECOND_LEVEL = new Set(["co", "com", "net", "org", "ac", "gov", "edu"]);

function domainOf(host: string): [domain: string, subdomain: string | undefined] {
  if (isIP(host) !== 0 || host.startsWith("[")) return [host, undefined];
  const labels = host.split(".");
  const isLong = labels.at(-1)!.length === 2 && SECOND_LEVEL.has(labels.at(-2) ?? "");
  const own = labels.splice(-(isLong ? 3 : 2));
  return [own.join("."), labels.length === 0 ? undefined : labels.join(".")];
}
