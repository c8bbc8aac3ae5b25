// Of all the times that silence wakes somebody, how often does nothing come of it? Guess: one in three with a deadline a
// counter, nearly always with a deadline for every bound that anybody's rule names.
//
// In process, counted by the machine itself: the sample shop's traffic with its eight segments, and the shared load with
// windows from an hour to a week. No times are taken.
import { join } from "node:path";
import { packageDir } from "../cmd/cli/package-dir.ts";
import { encodeDelta } from "../lib/core/deltas.ts";
import type { Delta, JsonObject, Millis } from "../lib/core/types.ts";
import { loadDefinitions } from "../lib/definitions/load.ts";
import { shopTraffic } from "../lib/shop/traffic.ts";
import { type Bench, type Row, type Sizes, size } from "./support/bench.ts";
import { runAlone } from "./support/cli.ts";
import { loadEvents, START } from "./support/load.ts";
import { drive, FIRST_EVENT_SEQ, machineWith, type Prepared, prepare } from "./support/machine.ts";
import { Digest } from "./support/measure.ts";
import { rulesOf } from "./support/rules.ts";
import { compareWithOracle, concerning, sampleOf } from "./support/truth.ts";

const GOAL = { least: 0.5, aim: 0.05, better: "less" } as const;
/** Virtual time between two of the shop's events. */
const SHOP_STEP_MS = 400;

export const bench: Bench = {
  name: "wake-ups",
  question: "wake-ups that flip nothing ÷ all wake-ups",
  sizes: {
    full: { events: 60_000, users: 20_000, segments: 1_000, shoppers: 800, online: 60, sample: 600 },
    quick: { events: 20_000, users: 10_000, segments: 1_000, shoppers: 400, online: 40, sample: 300 },
    tiny: { events: 1_000, users: 100, segments: 150, shoppers: 40, online: 10, sample: 120 },
  },
  async run(sizes, progress) {
    const digest = new Digest();
    progress("the shop");
    const shop = count("the sample shop, eight segments", await shopSegments(), shopRecords(sizes), sizes, digest);
    progress("windows from an hour to a week");
    const rules = rulesOf("gated", size(sizes, "segments"));
    const load = prepare(loadEvents({ events: size(sizes, "events"), users: size(sizes, "users") }));
    const people = sampleOf(load, 1, size(sizes, "sample"));
    const windows = count(
      "windows of 1 h to 7 d, gated rules",
      rules.definitions,
      load,
      sizes,
      digest,
      concerning(rules, people),
    );
    return { rows: [shop.row, windows.row], checked: [shop.checked, windows.checked], hash: digest.text };
  },
};

function count(
  label: string,
  definitions: readonly JsonObject[],
  prepared: readonly Prepared[],
  sizes: Sizes,
  digest: Digest,
  asked = definitions,
): { readonly row: Row; readonly checked: string } {
  const machine = machineWith(definitions);
  const deltas: Delta[] = [];
  for (const { record } of prepared) {
    drive(machine, record);
    deltas.push(...machine.takeDeltas());
  }
  for (const delta of deltas) digest.add(encodeDelta(delta));
  const { wakeUps, idleWakeUps } = machine.work;
  const share = idleWakeUps / wakeUps;
  const byTime = deltas.filter(({ cause }) => cause.type === "time").length;
  const people = sampleOf(prepared, 1, size(sizes, "sample"));
  return {
    row: {
      question: `wake-ups that flip nothing ÷ all, ${label}`,
      goal: GOAL,
      left: { name: "idle", value: idleWakeUps.toLocaleString("en-US") },
      right: { name: "all", value: wakeUps.toLocaleString("en-US") },
      ratio: { median: share, low: share, high: share },
      notes: [
        `${(wakeUps / prepared.length).toFixed(3)} wake-ups and ${(deltas.length / prepared.length).toFixed(3)} flips an event, ${byTime.toLocaleString("en-US")} flips by silence`,
      ],
    },
    checked: `${label}: ${compareWithOracle({ prepared, people, definitions: asked, deltas })}`,
  };
}

async function shopSegments(): Promise<JsonObject[]> {
  const { definitions, problems } = await loadDefinitions([join(packageDir(), "config", "segments", "shop")]);
  if (problems.length > 0) throw new Error("an example segment has a problem");
  return definitions.map(({ source }) => source as JsonObject);
}

function shopRecords(sizes: Sizes): Prepared[] {
  let now: Millis = START;
  const options = {
    seed: 1,
    run: "bench",
    shoppers: size(sizes, "shoppers"),
    online: size(sizes, "online"),
    now: () => now,
  };
  const prepared: Prepared[] = [];
  for (const { event } of shopTraffic(options)) {
    const { userId, anonymousId } = event;
    const id = (userId ?? anonymousId) as string;
    const seq = FIRST_EVENT_SEQ + prepared.length;
    prepared.push({
      userId: id,
      isMain: true,
      record: { seq, stamp: now, kind: "event", body: Buffer.from(JSON.stringify(event)) },
    });
    now += SHOP_STEP_MS;
    if (prepared.length === size(sizes, "events")) break;
  }
  return prepared;
}

await runAlone(import.meta.url, bench);
