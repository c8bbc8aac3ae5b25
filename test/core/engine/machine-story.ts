// A story that the engine hears and not the oracle: a partition with its history folded in before what is applied is
// activated. Expectations are worked out by hand from rules.md.
import type { LinkMessage } from "../../../lib/core/links.ts";
import type { ExplainNode, UserView } from "../../../lib/core/partition.ts";
import { DEFAULT_LIMITS, type Delta, type LogRecord, type Reject } from "../../../lib/core/types.ts";
import { Rig } from "../../laws/rig.ts";
import { Story, type StoryOptions } from "../../oracle/story.ts";

export class MachineStory extends Story {
  readonly rig: Rig;
  readonly rejects: Reject[] = [];

  /** With room for one page, whoever is not spoken of is elsewhere and comes back as he left. */
  constructor(options: StoryOptions = {}, pageCacheBytesMax = 1e9) {
    super(options);
    this.rig = new Rig({
      partition: options.partition ?? 0,
      partitions: options.partitions ?? 1,
      clockMode: options.clockMode ?? "log",
      clockStepMsMax: options.clockStepMsMax ?? 366 * 86_400_000,
      limits: { ...DEFAULT_LIMITS, ...options.limits },
      pageCacheBytesMax,
      pageBytesMax: 65_536,
    });
  }

  protected override hear(record: LogRecord): Delta[] {
    const deltas = this.rig.apply(record);
    this.rejects.push(...this.rig.machine.takeRejects());
    return deltas;
  }

  protected override takeLinks(): LinkMessage[] {
    return this.rig.takeLinks();
  }

  override control(stamp: string, entry: unknown): string[] {
    const said = super.control(stamp, entry);
    // What asks history is folded over it before it is activated.
    if (this.rig.machine.control.pending.has(this.revision)) {
      this.deltas(stamp, "ready", { revision: this.revision, from: 1 });
    }
    return said;
  }

  /** Activates what waits for it. */
  activate(stamp: string): string[] {
    const waiting = this.rig.machine.control.pendingRevisions();
    return waiting.flatMap((revision) => this.control(stamp, { op: "activate", revision }));
  }

  override members(segment: string): string[] {
    return [...(this.rig.memberships().get(segment)?.keys() ?? [])];
  }

  override get reasons(): string[] {
    return this.rejects.map(({ reason }) => reason);
  }

  /** The worker is gone: what it remembers is restored, and nothing of it may show. */
  restart(): void {
    this.rig.beginCheckpoint();
    this.rig.finishCheckpoint();
    this.rig.restart();
  }

  user(id: string): UserView {
    this.rig.provide(this.rig.machine.pageOf(id));
    const view = this.rig.machine.user(id);
    if (view === undefined) throw new Error(`nothing is known of ${id}`);
    return view;
  }

  /** Of the rule itself, below the line that names the segment. */
  explain(segment: string, id: string): ExplainNode {
    this.rig.provide(this.rig.machine.pageOf(id));
    const node = this.rig.machine.explain(segment, id)?.nodes?.[0];
    if (node === undefined) throw new Error(`nothing is known of ${id} in ${segment}`);
    return node;
  }
}
