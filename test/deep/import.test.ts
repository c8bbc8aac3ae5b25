// Files of the past on a data set whose clock is the events' own: everything that can be read is in, what cannot is named
// by its line, every clock stands at the file's end, and the recomputation finds the same members and the same deltas.
// A file that is made here runs every time; the public one when it is there.
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gunzipSync, gzipSync } from "node:zlib";
import { afterEach, expect, test } from "vitest";
import { differencesOf, figuresOf, RealCluster, tell } from "../support/real-cluster.ts";
import { Dice, seeds } from "../support/seed.ts";

const REPOSITORY = fileURLToPath(new URL("../../", import.meta.url));
const SEGMENTS = join(REPOSITORY, "examples", "rees46.segments.yaml");
const MAPPING = join(REPOSITORY, "examples", "rees46.map.yaml");
const REAL_DATA =
  process.env.ROLLCALL_REAL_DATA ?? join(REPOSITORY, "..", "shared", "data", "rees46-2019-10-01.csv.gz");
const HEADER = "event_time,event_type,product_id,category_id,category_code,brand,price,user_id,user_session";
const SEGMENTS_MIN = 10;

let cluster: RealCluster | undefined;
let dir = "";

afterEach(async () => {
  await cluster?.close();
  cluster = undefined;
  if (dir !== "") await rm(dir, { recursive: true, force: true });
});

interface Expected {
  readonly stored: number;
  /** Line numbers, the first being the header's. */
  readonly refused: readonly number[];
  readonly endsAt: number;
}

async function importAndVerify(
  path: string,
  expected: Expected,
  flags: readonly string[],
  what: string,
): Promise<void> {
  cluster = await RealCluster.open({ variables: { ROLLCALL_CLOCK: "event" } });
  cluster.worker();
  await cluster.everyPartitionRuns();
  await cluster.apply([SEGMENTS]);
  const ran = await cluster.processes.did(["import", path, ...flags], cluster.variables, 300_000);
  const said = /: ([\d,]+) rows stored, ([\d,]+) refused/.exec(ran.stdout);
  expect(said, ran.stdout).not.toBeNull();
  expect(number(said![1]!)).toBe(expected.stored);
  expect(number(said![2]!)).toBe(expected.refused.length);
  const lines = [...`${ran.stdout}${ran.stderr}`.matchAll(/line ([\d,]+): /g)].map((match) => number(match[1]!));
  expect([...new Set(lines)]).toEqual(expected.refused);
  await cluster.caughtUp();
  const statuses = await cluster.everyPartitionRuns();
  expect(
    [...new Set(statuses.map(({ clock }) => new Date(clock).toISOString()))],
    "every clock stands at the end",
  ).toEqual([new Date(expected.endsAt).toISOString()]);
  expect(await cluster.eventsStored()).toBe(expected.stored);
  const { sizes } = await cluster.questions.sizes();
  expect(Object.keys(sizes).length).toBeGreaterThanOrEqual(SEGMENTS_MIN);
  const report = await cluster.verify();
  tell(what, {
    rows: expected.stored,
    refused: expected.refused.length,
    segments: Object.keys(sizes).length,
    ...figuresOf(report),
  });
  tell(`${what}, members`, sizes);
  expect(differencesOf(report)).toEqual([]);
  expect(report.equal).toBe(true);
  expect(report.memberships.expected).toBeGreaterThan(0);
  expect(report.deltas.expected).toBeGreaterThan(report.memberships.expected);
}

function number(text: string): number {
  return Number(text.replaceAll(",", ""));
}

/** A few hours of a shop that sells electronics, with three lines that nobody can read and a last one that is cut off. */
function clickstream(dice: Dice): { text: string; expected: Expected } {
  const products = Array.from({ length: 60 }, (_, index) => ({
    id: 1_000 + index,
    category: dice.pick(["electronics.smartphone", "electronics.audio.headphone", "appliances.kitchen.mixer", ""]),
    brand: dice.pick(["apple", "samsung", "xiaomi", ""]),
    price: (dice.int(500, 150_000) / 100).toFixed(2),
  }));
  const starts = Date.UTC(2019, 9, 1);
  let time = starts;
  const rows: string[] = [];
  const row = (at: number, type: string, user: number): string => {
    const { id, category, brand, price } = dice.pick(products);
    const when = new Date(at).toISOString().replace("T", " ").replace(".000Z", " UTC");
    return `${when},${type},${id},2053${id},${category},${brand},${price},${user},session-${user}`;
  };
  const refused: number[] = [];
  for (let index = 0; index < 4_000; index += 1) {
    time += dice.chance(0.02) ? dice.int(60, 900) * 1_000 : dice.int(0, 3) * 1_000;
    const broken = { 700: "not a time,view,1,2,,,1.00,77,s", 1900: "one,two,three", 3100: `${row(time, "shout", 7)}` }[
      index
    ];
    if (broken !== undefined) refused.push(rows.push(broken) + 1);
    const type = dice.chance(0.1)
      ? "cart"
      : dice.chance(0.05)
        ? "purchase"
        : dice.chance(0.02)
          ? "remove_from_cart"
          : "view";
    rows.push(row(time, type, 500 + dice.int(0, 299)));
  }
  const cut = row(time + 1_000, "view", 500).slice(0, -25);
  refused.push(rows.push(cut) + 1);
  return { text: `${HEADER}\n${rows.join("\n")}`, expected: { stored: 4_000, refused, endsAt: time } };
}

test.each(seeds(1))("a file of clicks, mapped by its name, seed %i", async (seed) => {
  const { text, expected } = clickstream(new Dice(seed));
  dir = await mkdtemp(join(tmpdir(), "rollcall-import-"));
  const path = join(dir, "rees46-small.csv.gz");
  await writeFile(path, gzipSync(text));
  await importAndVerify(path, expected, [], `a file made with seed ${seed}`);
});

test("the public clickstream, where it is there", async () => {
  if (!existsSync(REAL_DATA)) {
    process.stdout.write(`${basename(REAL_DATA)} is not here, so it was not imported; ROLLCALL_REAL_DATA names it\n`);
    return;
  }
  const lines = gunzipSync(await readFile(REAL_DATA))
    .toString("utf8")
    .split("\n")
    .slice(1);
  const whole = lines.filter(
    (line) => line.split(",").length === HEADER.split(",").length && line.split(",")[8] !== "",
  );
  const refused = lines.flatMap((line, index) => (line !== "" && !whole.includes(line) ? [index + 2] : []));
  const endsAt = Math.max(...whole.map((line) => Date.parse(line.slice(0, 19).replace(" ", "T").concat("Z"))));
  await importAndVerify(REAL_DATA, { stored: whole.length, refused, endsAt }, ["--map", MAPPING], basename(REAL_DATA));
});
