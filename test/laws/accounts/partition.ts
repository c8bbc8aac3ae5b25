// One partition of a world: engine and oracle hear the same log, and must say the same, to everybody and to each other.
// world.ts carries what they say to other partitions.
import { encodeDelta } from "../../../lib/core/deltas.ts";
import type { LinkMessage } from "../../../lib/core/links.ts";
import type { PartitionOptions } from "../../../lib/core/partition.ts";
import type { LogRecord, Reject } from "../../../lib/core/types.ts";
import { Oracle } from "../../../lib/oracle/oracle.ts";
import type { History } from "../generate.ts";
import type { Mismatch, Tally } from "../play.ts";
import { Rig } from "../rig.ts";

export class Partition {
  readonly options: PartitionOptions;
  readonly rig: Rig;
  readonly oracle: Oracle;
  readonly history: History;
  /** Entries of the control log that stand in this one. */
  copied = 0;
  readonly #said: (text: string) => Mismatch;
  readonly #tally: Tally;

  constructor(options: PartitionOptions, history: History, tally: Tally, said: (text: string) => Mismatch) {
    this.options = options;
    this.rig = new Rig(options);
    this.oracle = new Oracle(options);
    this.history = history;
    this.#tally = tally;
    this.#said = said;
  }

  /** What it says to other partitions. */
  apply(record: LogRecord): LinkMessage[] {
    const expected = this.oracle.apply(record);
    const said = this.rig.apply(record);
    this.#tally.records += 1;
    this.#tally.deltas += said.length;
    this.#compare(record, "says", said.map(encodeDelta), expected.map(encodeDelta));
    const links = this.rig.takeLinks();
    this.#compare(record, "tells others", links.map(linkText), this.oracle.takeLinks().map(linkText));
    this.#compare(
      record,
      "refuses",
      rejectTexts(this.rig.machine.takeRejects()),
      rejectTexts(this.oracle.rejects.splice(0)),
    );
    this.#compare(
      record,
      "waits for",
      [...this.rig.machine.unsettled()].map(String),
      this.oracle.unsettled().map(String),
    );
    return links;
  }

  #compare(record: LogRecord, what: string, engine: readonly string[], oracle: readonly string[]): void {
    if (engine.join("\n") === oracle.join("\n")) return;
    const body = new TextDecoder().decode(record.body).slice(0, 800);
    const text = [
      `at ${record.seq} (${record.kind} ${new Date(record.stamp).toISOString()}) ${body}`,
      `engine ${what}: ${engine.join("\n        ")}`,
      `oracle ${what}: ${oracle.join("\n        ")}`,
    ].join("\n");
    throw this.#said(text);
  }

  /** Who is in what, and how many are known. */
  compareMemberships(): void {
    const { rig, oracle } = this;
    if (rig.machine.universe !== oracle.universe) {
      throw this.#said(`${rig.machine.universe} known, and ${oracle.universe} expected`);
    }
    const expected = oracle.memberships();
    for (const [segment, members] of rig.memberships()) {
      const standing = [...(expected.get(segment) ?? [])].filter(([, held]) => held.in);
      const wanted = standing.map(([id, { n }]) => `${id} ${n}`).sort();
      const held = [...members].map(([id, n]) => `${id} ${n}`).sort();
      const size = rig.machine.sizes().get(segment);
      if (held.join() !== wanted.join() || size !== wanted.length) {
        throw this.#said(`${segment} holds ${held.join(", ")} (size ${size}), and ${wanted.join(", ")} expected`);
      }
      this.#tally.checks += oracle.universe;
    }
  }
}

function linkText({ to, n, seq, body }: LinkMessage): string {
  return `${n} to ${to} of ${seq}: ${body}`;
}

/** How a refusal is put is each one's own. */
function rejectTexts(rejects: readonly Reject[]): string[] {
  return rejects.map(({ seq, reason }) => `${seq} ${reason}`);
}
