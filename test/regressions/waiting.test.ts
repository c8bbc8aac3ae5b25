// Faults of the past in what waits for its activation, each as small as it could be made. The engine hears the log; what must
// be said is worked out by hand. Beside partition.test.ts, which holds those of the shell around it.
import { expect, test } from "vitest";
import { MachineStory } from "../core/engine/machine-story.ts";

const pinged = { event: { name: "Ping", count: { gte: 3 } } };
const quiet = { not: { event: { name: "Alarm" } } };
const asked = { event: { name: "Other" } };

/** Told entry by entry, each with its revision, so that other messages can come before anything is ready. */
class Log {
  private readonly story = new MachineStory();
  private revision = 0;
  private minute = 0;

  control(entry: object): string[] {
    this.revision += 1;
    return this.hear("control", { revision: this.revision, entry });
  }

  apply(id: string, rule: object): string[] {
    return this.control({ op: "apply", define: [{ id, kind: "user", rule }], remove: [] });
  }

  activate(revision: number): string[] {
    return this.control({ op: "activate", revision });
  }

  ready(revision: number): string[] {
    return this.hear("ready", { revision, from: 1 });
  }

  ping(): string[] {
    return this.hear("event", { type: "track", userId: "ann", event: "Ping" });
  }

  private hear(kind: "control" | "ready" | "event", body: object): string[] {
    this.minute += 1;
    const stamp = `00:${String(this.minute).padStart(2, "0")}`;
    return this.story.deltas(stamp, kind, body).map(({ change, segment, id }) => `${segment} ${id} ${change}`);
  }
}

function begun(): Log {
  const log = new Log();
  log.apply("first", pinged);
  log.ready(1);
  log.activate(1);
  log.ping();
  log.apply("first", asked);
  return log;
}

test("what waits its turn, and asks what is counted already, keeps it counted when its turn comes late", () => {
  const log = begun();
  log.apply("second", pinged);
  log.ready(3);
  expect(log.activate(3)).toEqual([]);
  log.ping();
  log.ping();
  expect(log.activate(4)).toEqual(["second ann joined"]);
});

test("what folds history hands over also what was counted when it was applied, and has been given up since", () => {
  const log = begun();
  log.apply("second", { all: [pinged, quiet] });
  log.ready(3);
  expect(log.activate(3)).toEqual([]);
  log.ping();
  log.ready(4);
  log.ping();
  expect(log.activate(4)).toEqual(["second ann joined"]);
});
