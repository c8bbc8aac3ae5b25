// Where a partition's actors are: pages, the unit of loading and eviction. Extendible hashing finds a member's page by
// its id alone, so nothing is kept in memory for people whose page is elsewhere but one entry a page.
//
//   hash of id ──last `depth` bits──▶ directory ──▶ page number ──▶ resident page (or bytes that the shell brings)
import { LRUCache } from "lru-cache";
import type { SituationPlace } from "../../control.ts";
import { hashOf } from "../../ids.ts";
import type { EvictedPage, Need, PageNo } from "../../partition.ts";
import type { MemberId, MemberKind, Millis } from "../../types.ts";
import { PlaceSketch } from "../leaves/situations.ts";
import { addTo, bucketOf, CROWD_BUCKETS, type Crowd } from "../member/accounts.ts";
import type { Actor } from "../member/actor.ts";
import { DeadlineHeap } from "./deadlines.ts";
import { mix } from "./hashing.ts";
import { decodePage, encodePage, type PageContents } from "./page-codec.ts";

/** What is known of a page whether or not it is in memory. */
interface PageEntry {
  readonly no: PageNo;
  depth: number;
  bits: number;
  /** Never later than the earliest deadline of its actors; Infinity when it has none. */
  due: Millis;
  /** Where its people are, and perhaps were. */
  places: PlaceSketch;
}

export interface Page extends PageEntry, PageContents {
  changed: boolean;
  /** Bytes of its last encoding, as an estimate of what it takes. */
  bytes: number;
}

const ACTOR_BYTES_GUESS = 600;
const CROWD_BYTES_GUESS = 20;
/** What a page takes as objects, compared with its encoding: maps, arrays and boxed numbers instead of packed bytes. */
const HEAP_PER_ENCODED = 6;
const SPLIT_ACTORS = 400;
const PAGES_MAX = 65_536;
/** Pages that one step may bring in before the next chance to let others go. */
const PAGES_SPARE = 4_096;
const DEPTH_MAX = 24;
/** Where `walk` ends. */
export const WALK_END = 2 ** DEPTH_MAX;

export class PageTable {
  readonly #entries = new Map<PageNo, PageEntry>();
  readonly #resident = new LRUCache<PageNo, Page>({
    // Each counts as one. With `max` it would set aside room for all of them at once, a megabyte and more a partition.
    maxSize: PAGES_MAX,
    sizeCalculation: () => 1,
    dispose: (page, _no, reason) => {
      // The bound is ours to keep (evict): a changed page that went by itself would be lost.
      if (reason === "evict") throw new Error(`more than ${PAGES_MAX} pages in memory: page ${page.no} has no room`);
    },
  });
  readonly #deadlines = new DeadlineHeap();
  readonly #pageBytesMax: number;
  readonly #cacheBytesMax: number;
  #directory: PageNo[];
  #depth = 0;
  #nextNo: PageNo = 1;
  /** Encoded bytes of the resident pages. */
  #residentBytes = 0;
  #keeping = false;
  /** Pages that a picture still has to encode before they may change. */
  #frozen: Set<PageNo> | undefined;
  #frozenBytes: { readonly page: PageNo; readonly bytes: Uint8Array }[] = [];
  /** Pages whose latest bytes are among those of the picture, and nowhere else yet. */
  readonly #onlyFrozen = new Set<PageNo>();

  constructor(options: { readonly pageBytesMax: number; readonly pageCacheBytesMax: number }) {
    this.#pageBytesMax = options.pageBytesMax;
    this.#cacheBytesMax = options.pageCacheBytesMax;
    this.#directory = [this.#add(0, 0).no];
  }

  /** An estimate of the heap that resident pages take. */
  get residentBytes(): number {
    return this.#residentBytes * HEAP_PER_ENCODED;
  }

  #add(depth: number, bits: number): Page {
    const page: Page = {
      no: this.#nextNo,
      depth,
      bits,
      due: Number.POSITIVE_INFINITY,
      places: new PlaceSketch(),
      user: new Map(),
      account: new Map(),
      crowds: new Map(),
      changed: true,
      bytes: 0,
    };
    this.#nextNo += 1;
    this.#entries.set(page.no, page);
    this.#resident.set(page.no, page);
    return page;
  }

  // ── finding ───────────────────────────────────────────────────────────────────────────────────────────────────────

  pageOf(id: MemberId): PageNo {
    return this.pageAt(hashOf(id));
  }

  /** Of an id's hash (ids.ts), for who has it already. */
  pageAt(hash: number): PageNo {
    return this.#directory[mix(hash) & ((1 << this.#depth) - 1)]!;
  }

  /**
   * Walks the pages in an order that splits do not disturb: a page is an interval of hashes read from their last bit on.
   * Begin at 0, go on at `next`, end at WALK_END; nobody is met twice, and nobody who stays is missed.
   */
  walk(from: number): { readonly page: PageNo; readonly next: number } {
    const page = this.#directory[reversed(from) & ((1 << this.#depth) - 1)]!;
    const { depth, bits } = this.#entries.get(page)!;
    return { page, next: reversed(bits) + 2 ** (DEPTH_MAX - depth) };
  }

  /** Where a member stands in that walk: his page begins there or before. A few may stand at one place. */
  static placeOf(id: MemberId): number {
    return reversed(mix(hashOf(id)));
  }

  numbers(): PageNo[] {
    return [...this.#entries.keys()];
  }

  /** Pages that may hold somebody who is there. */
  numbersAt(place: SituationPlace): PageNo[] {
    return [...this.#entries.values()].filter(({ places }) => places.mayHold(place)).map(({ no }) => no);
  }

  isResident(page: PageNo): boolean {
    return this.#resident.has(page);
  }

  /** The page of an id's hash if it is in memory. */
  residentAt(hash: number): Page | undefined {
    return this.#resident.get(this.pageAt(hash));
  }

  /** Of a resident page. */
  get(page: PageNo): Page {
    const found = this.#resident.get(page);
    if (found === undefined) throw new Error(`page ${page} is read before it is provided`);
    return found;
  }

  provide(no: PageNo, bytes: Uint8Array): void {
    const entry = this.#entries.get(no);
    if (entry === undefined || this.#resident.has(no)) return;
    const page: Page = { ...entry, ...decodePage(bytes), changed: false, bytes: bytes.length };
    this.#entries.set(no, page);
    this.#resident.set(no, page);
    this.#residentBytes += page.bytes;
  }

  // ── changing ──────────────────────────────────────────────────────────────────────────────────────────────────────

  /** To be called before an actor of the page changes: a picture in progress takes the page as it was. */
  willChange(page: Page): void {
    if (this.#frozen?.has(page.no)) this.#encodeFrozen(page);
    this.#onlyFrozen.delete(page.no);
    page.changed = true;
  }

  addActor(page: Page, actor: Actor): void {
    page[actor.kind].set(actor.id, actor);
    this.#grew(page, ACTOR_BYTES_GUESS);
  }

  /** The page changes, so `willChange` comes before. */
  removeActor(page: Page, actor: Actor): void {
    page[actor.kind].delete(actor.id);
    this.reschedule(page);
  }

  #grew(page: Page, bytes: number): void {
    page.bytes += bytes;
    this.#residentBytes += bytes;
    if (sizeOf(page) > SPLIT_ACTORS) this.#split(page);
  }

  // ── crowds ────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** A user of the account is here now, or (`by` is −1) is no longer. The account's page must be resident. */
  crowdMoves(account: MemberId, user: MemberId, by: 1 | -1): void {
    const page = this.get(this.pageOf(account));
    this.willChange(page);
    const crowd: Crowd = page.crowds.get(account) ?? new Map();
    addTo(crowd, bucketOf(user), by);
    if (crowd.size === 0) page.crowds.delete(account);
    else {
      page.crowds.set(account, crowd);
      if (by === 1) this.#grew(page, CROWD_BYTES_GUESS);
    }
  }

  /** The pages that may hold users of an account, in order; the account's own page must be resident. */
  crowdPages(account: MemberId): PageNo[] {
    const crowd = this.get(this.pageOf(account)).crowds.get(account);
    const pages = new Set<PageNo>();
    for (const bucket of crowd?.keys() ?? []) {
      for (let slot = bucket & (this.#directory.length - 1); slot < this.#directory.length; slot += CROWD_BUCKETS)
        pages.add(this.#directory[slot]!);
    }
    return [...pages].sort((a, b) => a - b);
  }

  // ── passes ────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** The page, when it is in memory. */
  *bring(no: PageNo): Generator<Need, Page, void> {
    if (!this.isResident(no)) yield no;
    return this.get(no);
  }

  /** Looks at page after page, and gives the event loop a breath before each. */
  *pass(pages: Iterable<PageNo>, look: (page: Page) => void): Generator<Need, void, void> {
    for (const no of pages) {
      yield null;
      look(yield* this.bring(no));
    }
  }

  /** Runs what passes over pages; a page that leaves memory meanwhile is not split, so that none is missed. */
  *keepingPages<T>(pass: Generator<T, void, void>): Generator<T, void, void> {
    this.#keeping = true;
    try {
      yield* pass;
    } finally {
      this.#keeping = false;
    }
  }

  #split(page: Page): void {
    if (page.depth >= DEPTH_MAX || !isDivisible(page)) return;
    if (page.depth === this.#depth) {
      this.#directory = [...this.#directory, ...this.#directory];
      this.#depth += 1;
    }
    const bit = 1 << page.depth;
    page.depth += 1;
    const sister = this.#add(page.depth, page.bits | bit);
    for (let slot = sister.bits; slot < this.#directory.length; slot += bit << 1) this.#directory[slot] = sister.no;
    const moves = (id: MemberId): boolean => (mix(hashOf(id)) & bit) !== 0;
    moveInto(sister.user, page.user, moves);
    moveInto(sister.account, page.account, moves);
    moveInto(sister.crowds, page.crowds, moves);
    sister.bytes = Math.round(page.bytes / 2);
    page.bytes -= sister.bytes;
    page.changed = true;
    this.reschedule(sister);
    for (const half of [page, sister]) half.places = placesOf(half);
  }

  // ── deadlines ─────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Keeps the page's deadline at or before that of one of its actors. */
  armed(page: Page, due: Millis): void {
    if (due >= page.due) return;
    page.due = due;
    this.#deadlines.push(due, page.no);
  }

  /** Sets the page's deadline to the exact minimum of its actors'. */
  reschedule(page: Page): void {
    let due = Number.POSITIVE_INFINITY;
    for (const actor of page.user.values()) if (actor.due < due) due = actor.due;
    for (const actor of page.account.values()) if (actor.due < due) due = actor.due;
    this.rescheduleAt(page, due);
  }

  /** The same, for who knows the minimum already. */
  rescheduleAt(page: Page, due: Millis): void {
    page.due = due;
    if (due !== Number.POSITIVE_INFINITY) this.#deadlines.push(due, page.no);
  }

  /** Earliest deadline of any page, and all pages that have it; entries that were overtaken are dropped on the way. */
  get deadline(): Millis {
    for (;;) {
      const due = this.#deadlines.topDue;
      if (due === Number.POSITIVE_INFINITY) return due;
      if (this.#entries.get(this.#deadlines.topPage)?.due === due) return due;
      this.#deadlines.pop();
    }
  }

  pagesDueAt(due: Millis): PageNo[] {
    const pages = new Set<PageNo>();
    while (this.deadline === due) pages.add(this.#deadlines.pop());
    return [...pages];
  }

  // ── leaving memory ────────────────────────────────────────────────────────────────────────────────────────────────

  evict(): EvictedPage[] {
    const evicted: EvictedPage[] = [];
    while (this.#isOverfull() && this.#resident.size > 1) {
      const oldest = this.#resident.rkeys().next().value!;
      const page = this.#resident.peek(oldest)!;
      this.#resident.delete(oldest);
      if (this.#frozen?.has(page.no)) this.#encodeFrozen(page);
      const bytes = page.changed ? encodePage(page) : this.#untaken(page.no);
      const tooBig = bytes !== undefined && bytes.length > this.#pageBytesMax && isDivisible(page);
      if (tooBig && !this.#keeping && page.depth < DEPTH_MAX) {
        // Too big to leave as one: both halves leave on the next turn.
        this.#resident.set(page.no, page);
        this.#split(page);
        continue;
      }
      this.#residentBytes -= page.bytes;
      this.reschedule(page);
      if (page.changed) page.places = placesOf(page);
      const { no, depth, bits, due, places } = page;
      this.#entries.set(no, { no, depth, bits, due, places });
      evicted.push({ page: no, bytes });
    }
    return evicted;
  }

  #isOverfull(): boolean {
    return this.residentBytes > this.#cacheBytesMax || this.#resident.size > PAGES_MAX - PAGES_SPARE;
  }

  /** Bytes that a picture made of a page and nobody has taken yet: the page leaves, so whoever keeps pages needs them. */
  #untaken(no: PageNo): Uint8Array | undefined {
    if (!this.#onlyFrozen.delete(no)) return undefined;
    return this.#frozenBytes.find(({ page }) => page === no)?.bytes;
  }

  // ── a picture ─────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Begins a picture: what must be known of all pages, as plain data. */
  freeze(): PageDirectory {
    if (this.#frozen !== undefined) throw new Error("a picture is being taken already");
    this.#frozen = new Set();
    this.#frozenBytes = [];
    this.#onlyFrozen.clear();
    for (const page of this.#resident.values()) if (page.changed) this.#frozen.add(page.no);
    const entries = Array.from(this.#entries.values(), (entry): PageDirectory["entries"][number] => {
      const { no, depth, bits, due, places } = entry;
      return places.bits === undefined ? [no, depth, bits, due] : [no, depth, bits, due, places.bits];
    });
    return { nextNo: this.#nextNo, entries };
  }

  nextFrozen(): { readonly page: PageNo; readonly bytes: Uint8Array } | undefined {
    if (this.#frozenBytes.length === 0) {
      const next = this.#frozen?.values().next();
      if (next === undefined || next.done) {
        this.#frozen = undefined;
        return undefined;
      }
      const page = this.#resident.peek(next.value)!;
      this.#encodeFrozen(page);
      // Here and not in encodeFrozen: whoever is about to change a page must find it as it was.
      if (page.bytes > this.#pageBytesMax && !this.#keeping) this.#split(page);
    }
    const taken = this.#frozenBytes.pop()!;
    this.#onlyFrozen.delete(taken.page);
    return taken;
  }

  #encodeFrozen(page: Page): void {
    this.#frozen!.delete(page.no);
    const bytes = encodePage(page);
    page.places = placesOf(page);
    this.#frozenBytes.push({ page: page.no, bytes });
    this.#residentBytes += bytes.length - page.bytes;
    page.bytes = bytes.length;
    page.changed = false;
    this.#onlyFrozen.add(page.no);
  }

  restore(directory: PageDirectory): void {
    this.#entries.clear();
    this.#resident.clear();
    this.#residentBytes = 0;
    this.#nextNo = directory.nextNo;
    this.#depth = Math.max(0, ...directory.entries.map(([, depth]) => depth));
    this.#directory = new Array<PageNo>(1 << this.#depth).fill(0);
    for (const [no, depth, bits, due, places] of directory.entries) {
      this.#entries.set(no, { no, depth, bits, due, places: new PlaceSketch(places) });
      for (let slot = bits; slot < this.#directory.length; slot += 1 << depth) this.#directory[slot] = no;
      if (due !== Number.POSITIVE_INFINITY) this.#deadlines.push(due, no);
    }
  }
}

export interface PageDirectory {
  readonly nextNo: PageNo;
  readonly entries: readonly (readonly [no: PageNo, depth: number, bits: number, due: Millis, places?: Uint8Array])[];
}

function placesOf(page: Page): PlaceSketch {
  const places = new PlaceSketch();
  for (const kind of KINDS) for (const { place } of page[kind].values()) places.add(place);
  return places;
}

const KINDS: readonly MemberKind[] = ["user", "account"];

/** Whether a split can part anybody: an account, its crowd here and a user of the same id have one hash, and stay together. */
function isDivisible({ user, account, crowds }: PageContents): boolean {
  let first: number | undefined;
  for (const ids of [user, account, crowds])
    for (const id of ids.keys()) {
      const hash = hashOf(id);
      first ??= hash;
      if (hash !== first) return true;
    }
  return false;
}

/** Whoever may move to another page. */
function sizeOf({ user, account, crowds }: PageContents): number {
  return user.size + account.size + crowds.size;
}

function moveInto<T>(to: Map<MemberId, T>, from: Map<MemberId, T>, moves: (id: MemberId) => boolean): void {
  for (const [id, one] of from) {
    if (!moves(id)) continue;
    from.delete(id);
    to.set(id, one);
  }
}

/** The last DEPTH_MAX bits in the opposite order. */
function reversed(bits: number): number {
  let result = 0;
  for (let bit = 0; bit < DEPTH_MAX; bit += 1) if ((bits >>> bit) & 1) result |= 1 << (DEPTH_MAX - 1 - bit);
  return result;
}
