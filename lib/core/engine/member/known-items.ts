// Items of the catalogue as they are known at a place of the control log. All states of a process share one log of items:
// a state holds how much of it counts, so the next state copies nothing, and whoever folds the past reads the past.
import { createHash } from "node:crypto";
import type { ControlEntry } from "../../control.ts";
import type { Catalogue } from "../../feeds.ts";
import type { JsonObject } from "../../types.ts";

export type ItemsEntry = Extract<ControlEntry, { op: "items" }>;

interface Version {
  /** Index of the entry that said so. */
  readonly entry: number;
  /** Undefined: the item was removed. */
  readonly attributes: JsonObject | undefined;
}

interface ItemLog {
  /** Of each entry its revision and a digest of what it says, so that the same one is taken in once. */
  readonly entries: { readonly revision: number; readonly digest: string }[];
  /** By item, oldest first. */
  readonly versions: Map<string, Version[]>;
}

export class KnownItems implements Catalogue {
  readonly #log: ItemLog;
  /** So many entries of the log count here. */
  readonly #length: number;

  private constructor(log: ItemLog, length: number) {
    this.#log = log;
    this.#length = length;
  }

  /** Nothing known yet, on a log of its own. */
  static none(): KnownItems {
    return new KnownItems({ entries: [], versions: new Map() }, 0);
  }

  /** As it was after that revision, as far as this one has come. */
  upTo(revision: number): KnownItems {
    const later = this.#log.entries.findIndex((entry) => entry.revision > revision);
    return new KnownItems(this.#log, later < 0 ? this.#length : Math.min(later, this.#length));
  }

  attributesOf(id: string): JsonObject | undefined {
    const versions = this.#log.versions.get(id);
    return versions?.[indexBefore(versions, this.#length)]?.attributes;
  }

  /** With one more entry; this one stays as it is. */
  after(revision: number, { mode, items }: ItemsEntry): KnownItems {
    const digest = createHash("sha256")
      .update(JSON.stringify([mode, items]))
      .digest("base64");
    const known = this.#log.entries[this.#length];
    if (known?.revision === revision && known.digest === digest) return new KnownItems(this.#log, this.#length + 1);
    // Another history than the one at hand: it goes on for itself.
    const log = known === undefined ? this.#log : this.#copy();
    for (const { id, attributes } of items) this.#takeItem(log, mode, id, attributes);
    log.entries.push({ revision, digest });
    return new KnownItems(log, this.#length + 1);
  }

  #takeItem(log: ItemLog, mode: ItemsEntry["mode"], id: string, given: JsonObject): void {
    let versions = log.versions.get(id);
    if (versions === undefined) {
      versions = [];
      log.versions.set(id, versions);
    }
    const last = versions[versions.length - 1];
    const attributes =
      mode === "remove" ? undefined : withoutNull(mode === "merge" ? { ...last?.attributes, ...given } : given);
    if (last?.entry === this.#length) versions.pop();
    versions.push({ entry: this.#length, attributes });
  }

  #copy(): ItemLog {
    const versions = new Map<string, Version[]>();
    for (const [id, all] of this.#log.versions) {
      const counting = all.slice(0, indexBefore(all, this.#length) + 1);
      if (counting.length > 0) versions.set(id, counting);
    }
    return { entries: this.#log.entries.slice(0, this.#length), versions };
  }
}

/** Index of the newest version of an entry below `length`; -1 when there is none. Mostly it is the last one. */
function indexBefore(versions: readonly Version[], length: number): number {
  let low = 0;
  let high = versions.length;
  if (high > 0 && versions[high - 1]!.entry < length) return high - 1;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (versions[middle]!.entry < length) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

function withoutNull(attributes: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(attributes).filter(([, value]) => value !== null));
}
