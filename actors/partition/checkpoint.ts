// Remembers: a picture of the machine between two steps, encoded in slices while the live path goes on; pages first, then,
// once everything up to the picture's position is said, the manifest by compare-and-set; last, what nobody names any more.
import type { FrozenPartition, PartitionMachine } from "../../lib/core/partition.ts";
import type { Seq } from "../../lib/core/types.ts";
import { OwnershipLost, Refusal } from "../../lib/ports/errors.ts";
import type { Fingerprint } from "../../lib/ports/event-log.ts";
import { pause } from "../../lib/ports/runtime.ts";
import { insist } from "./claiming.ts";
import { Halted, type PartitionContext } from "./context.ts";
import {
  type BlobRef,
  decodeDirectory,
  decodeManifest,
  encodeDirectory,
  encodeManifest,
  type Generation,
  type Manifest,
} from "./manifest.ts";
import { epochOf, keysOf, loadBlob, type Shelf } from "./shelf.ts";
import { Backoff } from "./signal.ts";
import type { Speaker } from "./speaker.ts";

const GENERATIONS_KEPT = 2;
const RETRY_MS_MIN = 20;
const RETRY_MS_MAX = 1_000;

/** The bytes that are not a page's own are named so among the keys. */
const META = "meta";
const DIRECTORY = "directory";

/** What was made, and how much of it is stored. */
interface Said {
  readonly speaker: Pick<Speaker, "digestMade">;
  /** Everything that inputs up to here made: deltas, and messages to other partitions. */
  untilSaid(seq: Seq): Promise<void>;
}

interface Picture {
  readonly frozen: FrozenPartition;
  readonly at: Fingerprint;
  readonly digest: string;
  readonly clock: number;
  readonly revision: number;
  /** Where the pages are that have not changed since they were stored. */
  readonly places: Map<number, BlobRef>;
  readonly startedMs: number;
  workedMs: number;
}

export class Checkpointer {
  private readonly context: PartitionContext;
  private readonly epoch: number;
  private readonly shelf: Shelf;
  private readonly said: Said;
  private manifest: Manifest;
  private manifestRevision: number;
  private nextNumber: number;
  private picture: Picture | undefined;
  private finishing: Promise<void> | undefined;
  private earliestMs: number;
  private finishedMs: number | undefined;
  position: Seq;
  /** Both generations are to stand at or after this place, and no page of older ones is to be kept. */
  private renewTo: Seq = 0;
  /** No page is kept that only generations before this place name. */
  private cleanTo: Seq = 0;
  private readonly onFinished: () => void;
  private readonly onFault: (error: Refusal) => void;

  constructor(
    context: PartitionContext,
    claim: { readonly epoch: number; readonly manifest: Manifest; readonly manifestRevision: number },
    restored: { readonly generation: number; readonly position: Fingerprint },
    shelf: Shelf,
    said: Said,
    onFinished: () => void,
    onFault: (error: Refusal) => void,
  ) {
    this.context = context;
    this.epoch = claim.epoch;
    this.shelf = shelf;
    this.said = said;
    // A generation that was passed over is corrupt or ahead of what was said: the next one takes its place, and not that of a
    // good one.
    const { generations } = claim.manifest;
    this.manifest = {
      epoch: claim.epoch,
      generations: generations.filter(({ number }) => number <= restored.generation),
    };
    this.manifestRevision = claim.manifestRevision;
    this.nextNumber = 1 + Math.max(0, ...generations.map(({ number }) => number));
    this.position = restored.position.seq;
    this.earliestMs =
      context.runtime.monotonicMs() + context.settings.checkpointIntervalMs * (0.5 + context.runtime.random() / 2);
    this.onFinished = onFinished;
    this.onFault = onFault;
  }

  get ageMs(): number | null {
    return this.finishedMs === undefined ? null : this.context.runtime.monotonicMs() - this.finishedMs;
  }

  get busy(): boolean {
    return this.picture !== undefined;
  }

  /** When the next one may begin, in monotonic milliseconds. */
  get dueMs(): number {
    return this.earliestMs;
  }

  /** The next one is made as soon as it can be. */
  hurry(): void {
    this.earliestMs = this.context.runtime.monotonicMs();
  }

  isDue(position: Seq): boolean {
    if (this.picture !== undefined) return false;
    if (position >= this.renewTo && !this.isRenewed(this.renewTo)) return true;
    return position > this.position && this.context.runtime.monotonicMs() >= this.earliestMs;
  }

  /** As soon as can be, whether or not anything has happened since the last one. */
  renew(seq: Seq): void {
    this.renewTo = Math.max(this.renewTo, seq);
  }

  isRenewed(seq: Seq): boolean {
    const positions = this.manifest.generations.map(({ position }) => position);
    return seq === 0 || (positions.length > 0 && Math.min(...positions, this.cleanTo) >= seq);
  }

  /** Between two steps: takes the picture. */
  begin(machine: PartitionMachine, at: Fingerprint): void {
    const startedMs = this.context.runtime.monotonicMs();
    this.shelf.beginPicture();
    this.picture = {
      frozen: machine.freeze(),
      at,
      digest: this.said.speaker.digestMade,
      clock: machine.clock,
      revision: machine.controlRevision,
      places: this.shelf.directory(),
      startedMs,
      workedMs: 0,
    };
  }

  /** Between two steps: encodes for a slice. True while there is more to encode. */
  work(): boolean {
    const picture = this.picture;
    if (picture === undefined || this.finishing !== undefined) return false;
    const { runtime, settings, counters } = this.context;
    const beganMs = runtime.monotonicMs();
    for (;;) {
      const next = picture.frozen.next();
      if (next === undefined) break;
      counters.checkpointPages += 1;
      counters.checkpointBytes += next.bytes.length;
      picture.places.set(next.page, this.shelf.keepPicture(next.page, next.bytes));
      if (runtime.monotonicMs() - beganMs >= settings.checkpointSliceMsMax) {
        picture.workedMs += runtime.monotonicMs() - beganMs;
        return true;
      }
    }
    picture.workedMs += runtime.monotonicMs() - beganMs;
    this.finishing = this.finish(picture).catch((error: unknown) => this.failed(error));
    return false;
  }

  /** Resolves when the picture under way, if any, is stored. */
  async finished(): Promise<void> {
    await this.finishing;
  }

  private async finish(picture: Picture): Promise<void> {
    const directory = new Map(picture.frozen.pages.map((page) => [page, this.placeOf(picture, page)]));
    const meta = this.shelf.keep(META, picture.frozen.meta);
    const named = this.shelf.keep(DIRECTORY, encodeDirectory(directory));
    await this.shelf.settled([...directory.values(), meta, named]);
    await this.said.untilSaid(picture.at.seq);
    const before = this.manifest.generations;
    const generation: Generation = {
      number: this.nextNumber,
      position: picture.at.seq,
      stamp: picture.at.stamp,
      digest: picture.digest,
      clock: picture.clock,
      revision: picture.revision,
      meta,
      directory: named,
    };
    await this.writeManifest({ epoch: this.epoch, generations: [generation, ...before].slice(0, GENERATIONS_KEPT) });
    this.nextNumber += 1;
    this.position = picture.at.seq;
    this.succeeded(picture);
    // The next picture must not begin before: it may name a page that the clean-up finds named by nobody.
    await this.cleanUp();
    this.picture = undefined;
    this.finishing = undefined;
    // What came meanwhile is due for a picture of its own, and an idle partition has nobody else to wake it.
    this.onFinished();
  }

  private placeOf(picture: Picture, page: number): BlobRef {
    const place = picture.places.get(page);
    if (place === undefined) throw new Error(`page ${page} belongs to the picture and was never stored`);
    return place;
  }

  private succeeded(picture: Picture): void {
    const { partition, runtime, checkpointBudget, counters } = this.context;
    const nowMs = runtime.monotonicMs();
    counters.checkpoints += 1;
    counters.checkpointMs += Math.round(picture.workedMs);
    this.finishedMs = nowMs;
    this.earliestMs = picture.startedMs + checkpointBudget.pauseMs(partition, picture.workedMs, nowMs);
  }

  private failed(error: unknown): void {
    this.picture = undefined;
    this.finishing = undefined;
    this.onFinished();
    if (error instanceof Halted) return;
    if (error instanceof Refusal) {
      this.onFault(error);
      return;
    }
    const { log, partition, runtime, settings } = this.context;
    this.earliestMs = runtime.monotonicMs() + settings.checkpointIntervalMs;
    log.error({ partition, err: error }, "partition: checkpoint failed, the last one stands");
  }

  private async writeManifest(manifest: Manifest): Promise<void> {
    const { world, runtime, partition } = this.context;
    const backoff = new Backoff(RETRY_MS_MIN, RETRY_MS_MAX);
    const bytes = encodeManifest(manifest);
    while (!this.context.halted()) {
      const outcome = await world.pages.putManifest(this.manifestRevision, bytes);
      if (outcome.kind === "stored") {
        this.manifestRevision = outcome.seq;
        this.manifest = manifest;
        return;
      }
      if (outcome.kind === "fenced" || outcome.kind === "unknown") {
        const found = await insist(this.context, () => world.pages.readManifest());
        const stored = found === undefined ? undefined : decodeManifest(partition, found.bytes);
        if (stored?.epoch === this.epoch && stored.generations[0]?.meta.key === manifest.generations[0]?.meta.key) {
          this.manifestRevision = found!.revision;
          this.manifest = manifest;
          return;
        }
        if (outcome.kind === "fenced")
          throw new OwnershipLost(partition, `another owner wrote its manifest after epoch ${this.epoch}`);
      }
      await pause(runtime, backoff.next(runtime.random()));
    }
    throw new Halted();
  }

  /**
   * Removes the keys that neither generation, nor any page's place now, names. Keys are made all the time, so the list is
   * taken before the names: a key that is newer than the list stays. So does one of a later epoch: whoever is stopped here
   * and woken after a take-over finds the new owner's pages in the list, and knows none of them.
   */
  private async cleanUp(): Promise<void> {
    const { world, log, partition } = this.context;
    try {
      const keys = await world.pages.list();
      const named = await this.namedKeys();
      // Also of owners before, each time: what one of them sent may arrive long after, and somebody erased may stand on it.
      const dead = keys.filter((key) => !named.has(key) && epochOf(key) <= this.epoch);
      await Promise.all(dead.map((key) => world.pages.remove(key)));
      this.cleanTo = Math.min(...this.manifest.generations.map(({ position }) => position));
    } catch (error) {
      log.warn({ partition, err: error }, "partition: clean-up of old pages failed, the next checkpoint tries again");
    }
  }

  private async namedKeys(): Promise<Set<string>> {
    const named = new Set<string>();
    const name = (ref: BlobRef): void => {
      for (const key of keysOf(ref)) named.add(key);
    };
    for (const generation of this.manifest.generations) {
      name(generation.meta);
      name(generation.directory);
      const bytes = await loadBlob(this.context, generation.number, generation.directory);
      for (const ref of decodeDirectory(this.context.partition, generation.number, bytes).values()) name(ref);
    }
    for (const ref of this.shelf.directory().values()) name(ref);
    return named;
  }
}
