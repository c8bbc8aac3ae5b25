// Questions about a partition's members, answered between two steps: every answer is of one position.
// The running loop calls `answerNext`; what is not in memory is fetched meanwhile, so the loop waits for it.
import { compareRanks, type FoundMember } from "../../lib/core/members.ts";
import type { AccountUser, MemberRow, PageWalk, PartitionMachine } from "../../lib/core/partition.ts";
import type { Seq } from "../../lib/core/types.ts";
import { Refusal } from "../../lib/ports/errors.ts";
import {
  type Answer,
  DECIDE_WAIT_MS_DEFAULT,
  DECIDE_WAIT_MS_MAX,
  type DecideQuestion,
  type MemberEntry,
  type PartitionStatus,
  type Question,
  type QuestionAbout,
  type Reply,
} from "../../lib/ports/questions.ts";
import type { Runtime } from "../../lib/ports/runtime.ts";
import { Parking } from "./parking.ts";
import type { Shelf } from "./shelf.ts";

const MEMBERS_MAX = 100_000;
const MEMBERS_DEFAULT = 1_000;
const USERS_MAX = 10_000;
const QUESTIONS_WAITING_MAX = 1_000;
/** People looked at in one slice of a trial: a few milliseconds. */
const TRIAL_SLICE_MEMBERS = 100;
/** People looked at, and pages read from the store, in one slice of a search: some ten milliseconds. */
const SEARCH_SLICE_MEMBERS = 2_000;
const SEARCH_SLICE_PAGES = 8;
const SEARCH_HITS_MAX = 1_000;
const PART_MAX = 1_000;
const TRIAL_SAMPLES_DEFAULT = 5;
const TRIAL_SAMPLES_MAX = 100;

/** People looked at in one slice of a list: only whether they are in is asked of each. Pages that had to be fetched count more. */
const GATHER_SLICE_MEMBERS = 1_000;
const GATHER_SLICE_FETCHES_MAX = 2;
const GATHER_MAX = 10_000;
const ROWS_SLICE_MAX = 200;
/** Of rows in one answer, as JSON: well below what one message takes. */
const ROWS_CHARACTERS_MAX = 200_000;
const COMPARE_SLICE_MEMBERS = 100;
const COMPARED_MAX = 12;

/** Who is looked for, and where; all that is asked twice is asked anew. */
interface Search<T> {
  /** The pages that may hold them, as things are now. */
  pages(): Promise<readonly number[]>;
  /** Those on a resident page. */
  look(page: number): readonly T[];
  readonly enough: number;
}

interface Asked {
  readonly question: Question;
  resolve(reply: Reply): void;
}

function partLimit({ limit }: { readonly limit: number }): number {
  if (Number.isSafeInteger(limit) && limit >= 1 && limit <= PART_MAX) return limit;
  throw new RangeError(`limit is a whole number from 1 to ${PART_MAX}`);
}

export interface AnswersOptions {
  readonly machine: PartitionMachine;
  readonly shelf: Shelf;
  readonly runtime: Pick<Runtime, "after">;
  status(): PartitionStatus;
  /** There is a question to be answered now that had to wait before. */
  wake(): void;
}

export class Answers {
  private readonly machine: PartitionMachine;
  private readonly shelf: Shelf;
  private readonly status: () => PartitionStatus;
  private waiting: Asked[] = [];
  /** Those that wait for a position of the log. */
  private readonly parked: Parking<Asked>;

  constructor({ machine, shelf, runtime, status, wake }: AnswersOptions) {
    this.machine = machine;
    this.shelf = shelf;
    this.status = status;
    this.parked = new Parking(runtime, (late) => {
      this.waiting.push(late);
      wake();
    });
  }

  ask(question: Question): Promise<Reply> {
    // How the partition is must be said also while a step waits for a page.
    if (question.op === "status") return Promise.resolve({ ok: true, status: this.status() });
    if (this.waiting.length + this.parked.count >= QUESTIONS_WAITING_MAX) {
      return Promise.resolve({ ok: false, error: "too many questions wait for this partition; ask again" });
    }
    return new Promise((resolve) => {
      const asked = { question, resolve };
      if (question.op === "decide" && mustWait(question, this.machine.position)) {
        this.parked.park(asked, question.after, waitMsOf(question));
      } else this.waiting.push(asked);
    });
  }

  /** The inputs up to a position are applied: whoever waited for them is answered next. */
  passed(position: Seq): void {
    this.waiting.push(...this.parked.release(position));
  }

  get pending(): boolean {
    return this.waiting.length > 0;
  }

  /** Between two steps: answers the next question. Rejects only when a page is not what was stored. */
  async answerNext(): Promise<void> {
    const asked = this.waiting.shift();
    if (asked === undefined) return;
    try {
      asked.resolve({ ok: true, ...(await this.answer(asked.question)) } as Answer);
    } catch (error) {
      asked.resolve({ ok: false, error: error instanceof Error ? error.message : String(error) });
      if (error instanceof Refusal) throw error;
    }
  }

  /** Nobody will answer any more. */
  close(why: string): void {
    for (const { resolve } of [...this.waiting, ...this.parked.close()]) resolve({ ok: false, error: why });
    this.waiting = [];
  }

  private async answer(question: Question): Promise<object> {
    const { position, clock, universe } = this.machine;
    switch (question.op) {
      case "user":
        await this.bring(this.machine.pageOf(question.id));
        return { position, user: this.machine.user(question.id) ?? null };
      case "account":
        await this.bring(this.machine.pageOf(question.id));
        return { position, clock, account: this.machine.account(question.id) ?? null };
      case "accountUsers":
        return { position, clock, users: await this.usersOf(question) };
      case "explain":
        await this.bring(this.machine.pageOf(question.id));
        return { position, clock, explain: this.machine.explain(question.segment, question.id) ?? null };
      case "members": {
        const size = this.machine.sizes().get(question.segment) ?? 0;
        return { position, clock, size, members: await this.members(question.segment, question.limit, size) };
      }
      case "try":
        return { position, clock, universe, ...(await this.tryOut(question)) };
      case "decide":
        await this.bring(this.machine.pageOf(question.id));
        return this.decide(question);
      case "history":
      case "orders":
      case "visits":
      case "standing":
      case "near":
        return { position, clock, ...(await this.partOf(question)) };
      case "search":
        return { position, clock, ...(await this.search(question)) };
      case "gather":
        return { position, clock, ...(await this.gather(question)) };
      case "rows":
        return { position, clock, rows: await this.rows(question) };
      case "compare":
        return { position, clock, universe, ...(await this.compare(question)) };
      case "sizes":
        return { position, clock, universe, sizes: Object.fromEntries(this.machine.sizes()) };
      case "status":
        return { status: this.status() };
      default:
        throw new RangeError(
          "unknown question; ask user, account, accountUsers, explain, members, try, decide, history, orders, visits, standing, near, search, gather, rows, compare, sizes or status",
        );
    }
  }

  private decide({ id, segments, after = 0 }: DecideQuestion) {
    const { position } = this.machine;
    const held = this.machine.segmentsOf(id);
    const wanted = segments === undefined ? held : held?.filter((one) => segments.includes(one.id));
    return { position, known: held !== undefined, fresh: position >= after, segments: wanted ?? [] };
  }

  /** One slice: the live path waits for it, so it is short, and whoever asks goes on from its cursor. */
  private async tryOut({ definition, cursor, samples = TRIAL_SAMPLES_DEFAULT }: Extract<Question, { op: "try" }>) {
    assertCursor(cursor);
    const walk = this.machine.tryOut(definition, cursor, Math.min(samples, TRIAL_SAMPLES_MAX));
    await this.along(walk, ({ members }) => members >= TRIAL_SLICE_MEMBERS);
    return { part: walk.part, cursor: cursorOf(walk) };
  }

  private async compare({ kind, segments, cursor }: Extract<Question, { op: "compare" }>) {
    assertCursor(cursor);
    if (segments.length < 1 || segments.length > COMPARED_MAX) {
      throw new RangeError(`segments: 1 to ${COMPARED_MAX} of them can be compared`);
    }
    const walk = this.machine.compare(kind, segments, cursor);
    await this.along(walk, ({ members }) => members >= COMPARE_SLICE_MEMBERS);
    return { part: walk.part, cursor: cursorOf(walk) };
  }

  private async gather(question: Extract<Question, { op: "gather" }>) {
    const { set, order, cursor, limit } = question;
    assertCursor(cursor);
    if (set.in.length === 0) throw new RangeError("set.in: name one segment or more");
    const most = Math.min(Math.max(1, limit), GATHER_MAX);
    const walk = this.machine.gather(set, cursor);
    const isWanted = wanted(question);
    const enough = order === "any" ? most : Number.POSITIVE_INFINITY;
    await this.along(
      walk,
      ({ members, found }, fetches) =>
        members >= GATHER_SLICE_MEMBERS ||
        fetches >= GATHER_SLICE_FETCHES_MAX ||
        (found.length >= enough && found.filter(isWanted).length >= enough),
    );
    const found = walk.part.found.filter(isWanted);
    if (order !== "any") return { found: found.sort(compareRanks(order)).slice(0, most), cursor: cursorOf(walk) };
    if (found.length <= most) return { found, cursor: cursorOf(walk) };
    const { place, mark } = found[most - 1]!;
    return { found: found.slice(0, most), cursor: place, after: mark };
  }

  private async rows({ kind, ids, columns, traits }: Extract<Question, { op: "rows" }>) {
    const rows: (MemberRow | null)[] = [];
    let characters = 0;
    for (const id of ids.slice(0, ROWS_SLICE_MAX)) {
      await this.bring(this.machine.pageOf(id));
      const row = this.machine.row(kind, id, { columns, traits }) ?? null;
      characters += JSON.stringify(row).length;
      if (characters > ROWS_CHARACTERS_MAX && rows.length > 0) break;
      rows.push(row);
      this.shelf.spill(this.machine.evictPages());
    }
    return rows;
  }

  /** Looks at one page after the other until it is enough for one slice. */
  private async along<Part>(walk: PageWalk<Part>, isEnough: (part: Part, fetches: number) => boolean): Promise<void> {
    let fetches = 0;
    do {
      const { page } = walk;
      if (page === undefined) return;
      if (!this.machine.isResident(page)) fetches += 1;
      await this.bring(page);
      walk.look();
      this.shelf.spill(this.machine.evictPages());
    } while (!isEnough(walk.part, fetches));
  }

  private async partOf(question: QuestionAbout): Promise<object> {
    const { kind, id } = question;
    await this.bring(this.machine.pageOf(id));
    switch (question.op) {
      case "history":
        return { history: this.machine.history(kind, id) ?? null };
      case "orders":
        return { orders: this.machine.orders(kind, id, question.before, partLimit(question)) ?? null };
      case "visits":
        return { visits: this.machine.visits(kind, id, question.before, partLimit(question)) ?? null };
      case "standing":
        return { standing: this.machine.standing(kind, id) ?? null };
      case "near":
        return { near: this.machine.near(kind, id, question.after, partLimit(question)) ?? null };
    }
  }

  /** One slice, as of a trial: it ends with enough found, enough looked at, or enough pages fetched. */
  private async search({ asked, cursor, limit }: Extract<Question, { op: "search" }>) {
    if (!Number.isSafeInteger(cursor) || cursor < 0)
      throw new RangeError("cursor is 0, or what the answer before gave");
    const walk = this.machine.search(asked, cursor);
    const enough = Math.min(Math.max(1, limit), SEARCH_HITS_MAX);
    let fetched = 0;
    do {
      const { page } = walk;
      if (page === undefined) break;
      if (!this.machine.isResident(page)) fetched += 1;
      await this.bring(page);
      walk.look();
      this.shelf.spill(this.machine.evictPages());
    } while (walk.hits.length < enough && walk.looked < SEARCH_SLICE_MEMBERS && fetched < SEARCH_SLICE_PAGES);
    const { hits, looked } = walk;
    return { hits, looked, cursor: walk.page === undefined ? null : walk.cursor };
  }

  private members(segment: string, limit = MEMBERS_DEFAULT, size: number): Promise<MemberEntry[]> {
    return this.collect({
      pages: async () => this.machine.pageNumbers(),
      look: (page) => this.machine.membersOn(page, segment),
      enough: Math.min(Math.max(0, limit), MEMBERS_MAX, size),
    });
  }

  private usersOf(question: Extract<Question, { op: "accountUsers" }>): Promise<AccountUser[]> {
    const { account, rule, limit = MEMBERS_DEFAULT } = question;
    return this.collect({
      pages: async () => {
        await this.bring(this.machine.crowdPage(account));
        return this.machine.crowdPages(account);
      },
      look: (page) =>
        this.machine.usersOn(page, account).filter(({ holds }) => rule === undefined || holds.includes(rule)),
      enough: Math.min(Math.max(0, limit), USERS_MAX),
    });
  }

  /** Page by page until there are enough: the live path waits meanwhile. */
  private async collect<T extends { readonly id: string }>({ pages, look, enough }: Search<T>): Promise<T[]> {
    const found = new Map<string, T>();
    const seen = new Set<number>();
    const unseen = async () => this.cheapestFirst((await pages()).filter((page) => !seen.has(page)));
    // A page that leaves memory may split in two on its way out: its new half is looked at, too, and nobody counts twice.
    for (let left = await unseen(); left.length > 0 && found.size < enough; left = await unseen()) {
      for (const page of left) {
        if (found.size >= enough) break;
        seen.add(page);
        await this.bring(page);
        for (const one of look(page)) found.set(one.id, one);
        this.shelf.spill(this.machine.evictPages());
      }
    }
    return [...found.values()].slice(0, enough);
  }

  /** Resident pages first; the others are read only when somebody is still missing. */
  private cheapestFirst(pages: number[]): readonly number[] {
    return pages.sort((a, b) => this.cost(a) - this.cost(b));
  }

  private cost(page: number): number {
    return this.machine.isResident(page) ? 0 : 1;
  }

  private async bring(page: number): Promise<void> {
    if (this.machine.isResident(page) || !this.shelf.has(page)) return;
    this.machine.providePage(page, await this.shelf.load(page));
  }
}

function mustWait(question: DecideQuestion, position: Seq): question is DecideQuestion & { readonly after: Seq } {
  const { after } = question;
  return Number.isSafeInteger(after) && after! > position && waitMsOf(question) > 0;
}

/** What came over the wire may be anything. */
function waitMsOf({ waitMs = DECIDE_WAIT_MS_DEFAULT }: DecideQuestion): number {
  return Number.isFinite(waitMs) ? Math.min(Math.max(0, waitMs), DECIDE_WAIT_MS_MAX) : DECIDE_WAIT_MS_DEFAULT;
}

/** Of those found on whole pages, the ones that this slice is about. */
function wanted({ order, cursor, after, beyond, until }: Extract<Question, { op: "gather" }>) {
  if (order === "any") {
    return ({ place, mark }: FoundMember): boolean =>
      place > cursor || (place === cursor && (after === undefined || mark > after));
  }
  const compare = compareRanks(order);
  return (one: FoundMember): boolean =>
    (beyond === undefined || compare(one, beyond) > 0) && (until === undefined || compare(one, until) < 0);
}

function cursorOf(walk: PageWalk<unknown>): number | null {
  return walk.page === undefined ? null : walk.cursor;
}

function assertCursor(cursor: number): void {
  if (!Number.isSafeInteger(cursor) || cursor < 0) throw new RangeError("cursor is 0, or what the answer before gave");
}
