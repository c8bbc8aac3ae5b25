// Drives a partition machine as the shell does, over a page store in memory, and can cut its life anywhere: evict,
// checkpoint, kill, restore, replay. What it says must not show it.
import type { ControlCopy, ControlEntry } from "../../lib/core/control.ts";
import { createPartition, type PartitionCore, restorePartition } from "../../lib/core/engine/core.ts";
import type { LinkMessage } from "../../lib/core/links.ts";
import type { EvictedPage, FrozenPartition, Need, PageNo, PartitionOptions } from "../../lib/core/partition.ts";
import type { Delta, LogRecord } from "../../lib/core/types.ts";

interface Checkpoint {
  readonly meta: Uint8Array;
  readonly position: number;
  readonly pages: ReadonlyMap<PageNo, Uint8Array>;
}

export class Rig {
  readonly #options: PartitionOptions;
  readonly #entries: ControlEntry[] = [];
  readonly log: LogRecord[] = [];
  /** All that it has said to other partitions, as it said it: `<to> <n>`. */
  readonly #links = new Map<string, string>();
  readonly #unheard: LinkMessage[] = [];
  #machine: PartitionCore;
  #stored = new Map<PageNo, Uint8Array>();
  #checkpoint: Checkpoint | undefined;
  /** Pages evicted, changed, since the picture was begun. */
  readonly #evictedSince = new Set<PageNo>();
  #picture: { readonly frozen: FrozenPartition; readonly stored: Map<PageNo, Uint8Array> } | undefined;

  constructor(options: PartitionOptions) {
    this.#options = options;
    this.#machine = createPartition(options);
  }

  get machine(): PartitionCore {
    return this.#machine;
  }

  /** One message; the deltas that it says. */
  apply(record: LogRecord): Delta[] {
    this.log.push(record);
    if (record.kind === "control") this.#keepEntry(record);
    this.#step(record);
    this.#keepLinks();
    return this.#machine.takeDeltas();
  }

  /** What it has said to other partitions since the last call. */
  takeLinks(): LinkMessage[] {
    return this.#unheard.splice(0);
  }

  #keepLinks(): void {
    const links = this.#machine.takeLinks();
    for (const { to, n, seq, body } of links) this.#links.set(`${to} ${n}`, `${seq} ${body}`);
    this.#unheard.push(...links);
  }

  /** A machine that was restored says what it said before. */
  #compareLinks(): void {
    for (const { to, n, seq, body } of this.#machine.takeLinks()) {
      const before = this.#links.get(`${to} ${n}`);
      if (before === `${seq} ${body}`) continue;
      throw new Error(`after a restart, message ${n} to ${to} is ${seq} ${body}, and was ${before}`);
    }
  }

  #keepEntry(record: LogRecord): void {
    const { revision, entry } = JSON.parse(new TextDecoder().decode(record.body)) as ControlCopy;
    if (revision === this.#entries.length + 1) this.#entries.push(entry);
  }

  #step(record: LogRecord): void {
    if (this.#machine.needsShadow(record)) this.#foldHistory(record);
    const step = this.#machine.apply(record);
    if (step !== undefined) this.#drive(step);
    this.evict();
  }

  #drive(step: Iterator<Need, void, void>): void {
    for (let need = step.next(); need.done !== true; need = step.next()) {
      if (need.value === null) this.evict();
      else this.#provide(need.value);
    }
  }

  #provide(page: PageNo): void {
    const bytes = this.#stored.get(page);
    if (bytes === undefined) throw new Error(`page ${page} was never stored`);
    this.#machine.providePage(page, bytes);
  }

  #foldHistory(ready: LogRecord): void {
    const { revision } = JSON.parse(new TextDecoder().decode(ready.body)) as { revision: number };
    const shadow = this.#machine.shadow(revision);
    for (const record of this.log) if (record.seq < ready.seq) shadow.apply(record);
    this.#machine.provideShadow(shadow);
  }

  /** Brings a page into memory if it is not there. */
  provide(page: PageNo): void {
    if (!this.#machine.isResident(page)) this.#provide(page);
  }

  evict(): void {
    this.keep(this.#machine.evictPages());
  }

  /** What somebody else had leave memory. */
  keep(evicted: readonly EvictedPage[]): void {
    for (const { page, bytes } of evicted) {
      if (bytes === undefined) continue;
      this.#stored.set(page, bytes);
      this.#evictedSince.add(page);
    }
  }

  /** Begins a checkpoint; it is finished later, while messages go on. */
  beginCheckpoint(): void {
    if (this.#picture !== undefined) return;
    this.#evictedSince.clear();
    this.#picture = { frozen: this.#machine.freeze(), stored: new Map(this.#stored) };
  }

  finishCheckpoint(): void {
    if (this.#picture === undefined) return;
    const { frozen, stored } = this.#picture;
    for (let page = frozen.next(); page !== undefined; page = frozen.next()) {
      stored.set(page.page, page.bytes);
      // The live path may have stored a newer one meanwhile.
      if (!this.#evictedSince.has(page.page)) this.#stored.set(page.page, page.bytes);
    }
    const pages = new Map(frozen.pages.map((page) => [page, stored.get(page)!]));
    for (const [page, bytes] of pages) if (bytes === undefined) throw new Error(`the picture lacks page ${page}`);
    this.#checkpoint = { meta: frozen.meta, position: frozen.position, pages };
    this.#picture = undefined;
  }

  /** The worker is gone: the last checkpoint is restored and the log after it replayed. */
  restart(): void {
    this.#picture = undefined;
    if (this.#checkpoint === undefined) {
      this.#machine = createPartition(this.#options);
      this.#stored = new Map();
    } else {
      const { meta, pages } = this.#checkpoint;
      const revision = this.#revisionAt(this.#checkpoint.position);
      this.#machine = restorePartition(this.#options, { meta, entries: this.#entries.slice(0, revision) });
      this.#stored = new Map(pages);
    }
    for (const record of this.log) {
      if (record.seq <= this.#machine.position) continue;
      this.#step(record);
      this.#machine.takeDeltas();
      this.#machine.takeRejects();
      this.#compareLinks();
    }
  }

  #revisionAt(position: number): number {
    let revision = 0;
    for (const record of this.log) {
      if (record.seq > position) break;
      if (record.kind !== "control") continue;
      const copy = JSON.parse(new TextDecoder().decode(record.body)) as ControlCopy;
      if (copy.revision === revision + 1) revision += 1;
    }
    return revision;
  }

  /** Members of every segment, read page by page. */
  memberships(): Map<string, Map<string, number>> {
    const found = new Map<string, Map<string, number>>();
    for (const segment of this.#machine.sizes().keys()) found.set(segment, new Map());
    for (const page of this.#machine.pageNumbers()) {
      if (!this.#machine.isResident(page)) this.#provide(page);
      for (const [segment, members] of found) {
        for (const { id, n } of this.#machine.membersOn(page, segment)) members.set(id, n);
      }
    }
    return found;
  }
}
