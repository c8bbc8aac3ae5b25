// Where a visit came from: UTM parameters and the referrer of its events (rules.md 4.5).
// visit-records.ts asks it of the events of a visit.
import type { UserEvent } from "../core/events.ts";
import type { Referrer, Vocabulary } from "../core/vocabulary.ts";
import { isRecord } from "./values.ts";

const SECOND_LEVEL = ["co", "com", "net", "org", "ac", "gov", "edu"];

/** What a `where` reads of a source; a field that is not known is missing. */
export type Source = Readonly<Record<string, string | undefined>>;

/** Of a visit of which no event has a source. */
export const DIRECT: Source = { medium: "direct" };

/** undefined: the event says nothing of where its user came from. */
export function sourceOf({ context }: UserEvent, { referrers }: Vocabulary): Source | undefined {
  const campaign = campaignOf(context.campaign);
  const url = referrerOf(context);
  if (url === undefined && Object.values(campaign).every((value) => value === undefined)) return undefined;
  const host = url === undefined ? undefined : hostOf(url);
  const domain = host === undefined ? undefined : domainOf(host);
  const known = host === undefined ? undefined : knownAs(host, referrers);
  return {
    medium: campaign.medium ?? known?.medium ?? (url === undefined ? "direct" : "referral"),
    name: campaign.source ?? known?.name ?? domain,
    campaign: campaign.name,
    term: campaign.term,
    content: campaign.content,
    url,
    domain,
    subdomain: host === domain ? undefined : host?.slice(0, -(domain!.length + 1)),
  };
}

function campaignOf(written: unknown): Record<"source" | "medium" | "name" | "term" | "content", string | undefined> {
  const read = (name: string) => {
    const value = isRecord(written) && Object.hasOwn(written, name) ? written[name] : undefined;
    return typeof value === "string" && value !== "" ? value : undefined;
  };
  return {
    source: read("source"),
    medium: read("medium"),
    name: read("name"),
    term: read("term"),
    content: read("content"),
  };
}

/** The page before, as written; a page of the same host is none. */
function referrerOf({ page, referrer }: UserEvent["context"]): string | undefined {
  const candidates = [isRecord(page) ? page.referrer : undefined, isRecord(referrer) ? referrer.url : undefined];
  const written = candidates.find((one) => urlOf(one) !== undefined) as string | undefined;
  if (written === undefined) return undefined;
  const here = isRecord(page) && typeof page.url === "string" && URL.canParse(page.url) ? hostOf(page.url) : undefined;
  return hostOf(written) === here ? undefined : written;
}

function urlOf(written: unknown): URL | undefined {
  if (typeof written !== "string" || !URL.canParse(written)) return undefined;
  const url = new URL(written);
  return url.protocol === "http:" || url.protocol === "https:" ? url : undefined;
}

function hostOf(url: string): string {
  return new URL(url).hostname.toLowerCase().replace(/\.$/, "");
}

/** The last two labels, or three as in `example.co.uk`; an IP address is its own domain. */
function domainOf(host: string): string {
  if (host.startsWith("[") || /^\d+\.\d+\.\d+\.\d+$/.test(host)) return host;
  const labels = host.split(".");
  const [before, last] = [labels.at(-2), labels.at(-1)];
  const isThree = last?.length === 2 && before !== undefined && SECOND_LEVEL.includes(before);
  return labels.slice(isThree ? -3 : -2).join(".");
}

/** The longest domain of the table that the host is or lies in. */
function knownAs(host: string, referrers: Vocabulary["referrers"]): Referrer | undefined {
  const fitting = Object.keys(referrers).filter((domain) => host === domain || host.endsWith(`.${domain}`));
  const longest = fitting.sort((a, b) => b.length - a.length)[0];
  return longest === undefined ? undefined : referrers[longest];
}
