// Addresses to places and networks: the built-in database, the user's own in each shape, and files that are no use.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, describe, expect, test } from "vitest";
import type { JsonObject } from "../../lib/core/types.ts";
import { openPlaces, PlacesFileUnusable } from "../../lib/enrich/places.ts";
import { mmdb } from "./mmdb.ts";

const folder = mkdtempSync(join(tmpdir(), "rollcall-places-"));
afterAll(() => rmSync(folder, { recursive: true }));

function file(name: string, bytes: Uint8Array | string): string {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return path;
}

describe("the built-in database", () => {
  const { placeOf, networkOf } = openPlaces({});

  test.each([
    ["8.8.8.8", "US"],
    ["200.160.2.3", "BR"],
    ["133.11.93.0", "JP"],
    ["193.0.6.139", "NL"],
    ["2001:4860:4860::8888", "US"],
    ["2001:67c:2e8:22::c100:68b", "NL"],
    ["::ffff:8.8.8.8", "US"],
    [" 8.8.8.8 ", "US"],
  ])("%s is in %s", (address, country) => {
    expect(placeOf(address)).toEqual({ country });
  });

  test.each(
    (
      "10.1.2.3 172.16.0.1 172.31.255.255 192.168.1.1 127.0.0.1 169.254.1.1 100.64.0.1 0.0.0.0 255.255.255.255 224.0.0.1 " +
      "192.0.2.1 198.51.100.7 203.0.113.5 198.18.0.1 :: ::1 fe80::1 fe80::1%eth0 fd00::1 ff02::1 2001:db8::1 2002:808:808::1 " +
      "64:ff9b::808:808 ::ffff:192.168.1.1"
    ).split(" "),
  )("%s is nowhere", (address) => {
    expect(placeOf(address)).toBeUndefined();
  });

  test.each([
    "",
    "garbage",
    "8.8.8",
    "8.8.8.8.8",
    "8.8.8.8:443",
    "8.8.8.8, 10.0.0.1",
    "008.8.8.8",
    "2001:4860::g",
    "%",
  ])("%j is no address", (address) => {
    expect(placeOf(address)).toBeUndefined();
  });

  test("knows no networks", () => {
    expect(networkOf("8.8.8.8")).toBeUndefined();
  });
});

describe("a file of places", () => {
  const nested: JsonObject = {
    city: { geoname_id: 2643743, names: { de: "London", en: "London" } },
    country: { iso_code: "GB", names: { en: "United Kingdom" } },
    location: { accuracy_radius: 10, latitude: 51.5142, longitude: -0.0931, metro_code: 807 },
    postal: { code: "SW1" },
    subdivisions: [{ iso_code: "ENG", names: { en: "England" } }, { iso_code: "WBK" }],
  };
  const flat: JsonObject = {
    country_code: "gb",
    state1: "England",
    city: "London",
    postcode: "SW1",
    latitude: 51.5142,
    longitude: -0.0931,
    timezone: "Europe/London",
  };
  const place = {
    country: "GB",
    region: "England",
    city: "London",
    postal: "SW1",
    point: { lat: 51.5142, lon: -0.0931 },
  };
  const { placeOf } = openPlaces({
    placesFile: file(
      "city.mmdb",
      mmdb("GeoLite2-City", {
        "81.2.69.0/24": nested,
        "81.2.70.0/24": flat,
        "81.2.71.0/24": { country: { iso_code: "US" }, subdivisions: [{ iso_code: "CA" }] },
        "81.2.72.0/24": { country_code: "EU", city: "", latitude: 91.5, longitude: 200.5 },
        "81.2.73.0/24": {
          country: "France",
          region: "Bretagne",
          postal_code: 35000,
          latitude: "48.1",
          longitude: "-1.7",
        },
      }),
    ),
  });

  test("in the shape of GeoIP2 and GeoLite2", () => {
    expect(placeOf("81.2.69.142")).toEqual({ ...place, metro: "807" });
    // The same from what was kept decoded.
    expect(placeOf("81.2.69.143")).toEqual({ ...place, metro: "807" });
    expect(placeOf("81.2.71.1")).toEqual({ country: "US", region: "CA" });
  });

  test("in a flat shape", () => {
    expect(placeOf("81.2.70.1")).toEqual(place);
    expect(placeOf("81.2.73.1")).toEqual({ region: "Bretagne", postal: "35000", point: { lat: 48.1, lon: -1.7 } });
  });

  test("what is no country and no point is not said; a record without anything is none", () => {
    expect(placeOf("81.2.72.1")).toBeUndefined();
  });

  test("takes the place of the built-in one; another family than it holds is not known", () => {
    expect(placeOf("8.8.8.8")).toBeUndefined();
    expect(placeOf("2001:4860:4860::8888")).toBeUndefined();
  });
});

test("a file of networks, in the shape of ASN, ISP, Enterprise and of companies", () => {
  const networks = mmdb("GeoIP2-ISP", {
    "81.2.69.0/24": { autonomous_system_number: 20712, autonomous_system_organization: "Andrews & Arnold Ltd" },
    "81.2.70.0/24": { isp: "Comcast", organization: "Acme", autonomous_system_organization: "AS7922" },
    "81.2.71.0/24": { traits: { isp: "Comcast", organization: "Acme" }, country: { iso_code: "US" } },
    "81.2.72.0/24": { as_name: "Comcast", company: { name: "Initech", industry: "5112" } },
    "81.2.73.0/24": { asn: 1 },
  });
  const { networkOf, placeOf } = openPlaces({ networksFile: file("isp.mmdb", networks) });
  expect(networkOf("81.2.69.1")).toEqual({ isp: "Andrews & Arnold Ltd" });
  expect(networkOf("81.2.70.1")).toEqual({ isp: "Comcast", company: "Acme" });
  expect(networkOf("81.2.71.1")).toEqual({ isp: "Comcast", company: "Acme" });
  expect(networkOf("81.2.72.1")).toEqual({ isp: "Comcast", company: "Initech", industry: "5112" });
  expect(networkOf("81.2.73.1")).toBeUndefined();
  expect(placeOf("8.8.8.8")).toEqual({ country: "US" });
});

describe("a file that is no use is told at once, by option, path and remedy", () => {
  const whole = mmdb("GeoLite2-City", { "81.2.69.0/24": { country: { iso_code: "GB" } } });
  test.each([
    ["is not there", join(folder, "none.mmdb"), /cannot be read \(ENOENT\)\. Name an unpacked \.mmdb file/],
    ["is a folder", folder, /cannot be read \(EISDIR\)\. Name/],
    ["is empty", file("empty.mmdb", ""), /is no database in MaxMind's format, or is damaged\. Name/],
    ["is something else", file("text.mmdb", "country,city\n"), /is no database in MaxMind's format/],
    ["is packed", file("city.mmdb.gz", gzipSync(whole)), /is no database in MaxMind's format/],
    ["is cut off", file("cut.mmdb", whole.subarray(0, -20)), /is no database in MaxMind's format/],
    [
      "is of another sort",
      file("asn.mmdb", mmdb("GeoLite2-ASN", {})),
      /\(GeoLite2-ASN\) and knows no places; name it in networksFile/,
    ],
  ])("it %s", (_, placesFile, problem) => {
    const open = (): unknown => openPlaces({ placesFile });
    expect(open).toThrow(PlacesFileUnusable);
    expect(open).toThrow(problem);
    expect(open).toThrow(`placesFile: ${placesFile} `);
  });

  test("places are no networks", () => {
    const networksFile = file("places.mmdb", whole);
    expect(() => openPlaces({ networksFile })).toThrow(
      `networksFile: ${networksFile} is a database of another sort (GeoLite2-City) and knows no networks; name it in placesFile instead.`,
    );
  });
});
