// A world of a few partitions: users of each move between a few accounts, what partitions say to each other arrives in
// order and whenever it likes, and the coordinator activates what all partitions are ready for. play.ts drives it.
import { partitionOf } from "../../../lib/core/ids.ts";
import type { LinkMessage } from "../../../lib/core/links.ts";
import { DEFAULT_LIMITS, type LogRecord, type MemberKind } from "../../../lib/core/types.ts";
import type { Dice } from "../../support/seed.ts";
import { History, membersOf } from "../generate.ts";
import { Mismatch, type Tally } from "../play.ts";
import { Entries } from "./entries.ts";
import { Partition } from "./partition.ts";

/** Some are the ids of users, too: they are others all the same. */
const ACCOUNTS = ["acme", "b.c *", "u5", "ü>x", "zoo", "\u{1f600}"];
const START = Date.UTC(2026, 2, 26, 20);

/** What one partition has said to another and that does not hear it yet. */
interface Way {
  readonly to: number;
  readonly links: LinkMessage[];
  isHeld: boolean;
}

export class World {
  readonly #dice: Dice;
  readonly #seed: number;
  readonly partitions: readonly Partition[];
  readonly #accounts: readonly string[];
  readonly #ways = new Map<string, Way>();
  readonly entries: Entries;
  readonly #clockMode: "log" | "event";
  /** How often the stamp of a message is no earlier than those of other partitions: they hear of what is ahead of them, too. */
  readonly #inStep: number;

  constructor(seed: number, dice: Dice, tally: Tally) {
    this.#dice = dice;
    this.#seed = seed;
    this.#clockMode = dice.chance(0.8) ? "log" : "event";
    this.#inStep = dice.pick([0.3, 0.9, 0.95]);
    const partitions = dice.pick([1, 2, 2, 3, 4]);
    this.#accounts = dice.shuffled(ACCOUNTS).slice(0, dice.int(1, 4));
    const users = Array.from({ length: partitions }, (_, partition) =>
      membersOf(dice.pick([1, 2, 3, 5]), partition, partitions),
    );
    this.entries = new Entries(dice, { user: users.flat(), account: this.#accounts });
    const limits = {
      ...DEFAULT_LIMITS,
      visitsChangeableMax: dice.pick([2, 1000]),
      ordersChangeableMax: dice.pick([2, 1000]),
      objectsMax: dice.pick([2, 1000]),
      traitsMax: dice.pick([4, 1000, 1000]),
      cartLinesMax: dice.pick([2, 500]),
    };
    const pageCacheBytesMax = dice.pick([1, 3_000, 100_000_000]);
    const pageBytesMax = dice.pick([800, 4_000, 65_536]);
    this.partitions = users.map((members, partition) => {
      const common = { partition, partitions, clockMode: this.#clockMode, clockStepMsMax: 40 * 86_400_000 };
      const history = new History(dice, { ...common, members, start: START });
      const said = (text: string): Mismatch =>
        new Mismatch(
          seed,
          this.#rulesIn(text),
          `SEED=${seed}: partition ${partition} of ${partitions}, ${text}\n${this.#sourcesIn(text)}`,
        );
      return new Partition({ ...common, limits, pageCacheBytesMax, pageBytesMax }, history, tally, said);
    });
  }

  start(): void {
    this.entries.start(START);
    for (const partition of this.partitions) while (this.#copy(partition));
  }

  /** Something happens. */
  step(): void {
    const dice = this.#dice;
    const pick = dice.int(0, 99);
    if (pick < 55) this.#happen();
    else if (pick < 82) this.#deliverOne(false);
    else if (pick < 89) this.#copy(dice.pick(this.partitions));
    else if (pick < 93) this.#makeReady(dice.pick(this.partitions));
    else if (pick < 96) this.entries.change(this.#now);
    else this.#holdBack();
    this.#activate();
    this.#cut(dice.pick(this.partitions));
  }

  /** All that is said is heard, all entries stand in every log, and what waits is in force. */
  settle(): void {
    for (let moved = true; moved; ) {
      moved = false;
      for (const partition of this.partitions) {
        while (this.#copy(partition)) moved = true;
        while (this.#makeReady(partition)) moved = true;
      }
      while (this.#deliverOne(true)) moved = true;
      if (this.#activate()) moved = true;
    }
    if (this.entries.lowestPending !== undefined) {
      throw this.#mismatch(`revision ${this.entries.lowestPending} waits for ever`);
    }
    this.#compareSides();
  }

  compareMemberships(): void {
    for (const partition of this.partitions) partition.compareMemberships();
  }

  get #now(): number {
    return Math.max(...this.partitions.map(({ history }) => history.now));
  }

  #apply(partition: Partition, record: LogRecord): void {
    const from = this.partitions.indexOf(partition);
    for (const link of partition.apply(record)) {
      const key = `${from} ${link.to}`;
      const way = this.#ways.get(key) ?? { to: link.to, links: [], isHeld: false };
      this.#ways.set(key, way);
      way.links.push(link);
    }
  }

  /** Somebody does something, or time passes. */
  #happen(): void {
    const dice = this.#dice;
    const partition = dice.pick(this.partitions);
    const { history, rig } = partition;
    // One clock stamps all logs, more or less.
    if (dice.chance(this.#inStep)) history.passTo(this.#now - dice.int(0, 3) * 1_000);
    const home = this.#accounts.filter(
      (id) => partitionOf(id, this.partitions.length) === this.partitions.indexOf(partition),
    );
    const pick = dice.int(0, 99);
    if (pick < 18) this.#apply(partition, history.group(this.#accounts));
    else if (pick < 26 && home.length > 0) this.#apply(partition, history.ofAccount(dice.pick(home)));
    else this.#apply(partition, history.next(rig.machine.deadline));
  }

  /** One message of some partition to another; false when none is on its way. */
  #deliverOne(alsoHeld: boolean): boolean {
    const ways = [...this.#ways.values()].filter(({ links, isHeld }) => links.length > 0 && (alsoHeld || !isHeld));
    if (ways.length === 0) return false;
    const way = this.#dice.pick(ways);
    const { body } = way.links.shift()!;
    const partition = this.partitions[way.to]!;
    if (this.#dice.chance(this.#inStep)) partition.history.passTo(this.#now);
    this.#apply(partition, partition.history.record("link", new TextEncoder().encode(body)));
    return true;
  }

  #holdBack(): void {
    for (const way of this.#ways.values()) way.isHeld = this.#dice.chance(0.4);
  }

  #copy(partition: Partition): boolean {
    const entry = this.entries.entries[partition.copied];
    if (entry === undefined) return false;
    partition.copied += 1;
    partition.history.passTo(this.#now);
    this.#apply(partition, partition.history.control(partition.copied, entry));
    return true;
  }

  #makeReady(partition: Partition): boolean {
    const [job] = partition.rig.machine.backfillJobs();
    if (job === undefined) return false;
    this.#apply(partition, partition.history.ready(job.revision));
    return true;
  }

  /** What waits takes effect in its order, once it is folded and settled everywhere. */
  #activate(): boolean {
    const revision = this.entries.lowestPending;
    if (revision === undefined) return false;
    const isReady = this.partitions.every(({ copied, rig: { machine } }) => {
      const isFolding = machine.backfillJobs().some((job) => job.revision === revision);
      return copied >= revision && !isFolding && !machine.unsettled().includes(revision);
    });
    if (isReady) this.entries.activate(revision);
    return isReady;
  }

  #cut({ rig }: Partition): void {
    const dice = this.#dice;
    if (dice.chance(0.1)) rig.beginCheckpoint();
    if (dice.chance(0.1)) rig.finishCheckpoint();
    if (dice.chance(0.04)) rig.restart();
  }

  /** Where nothing is on its way, both sides know the same. */
  #compareSides(): void {
    for (const account of this.partitions.flatMap(({ oracle }) => [...oracle.members("account")]))
      this.#compareAccount(account.id);
  }

  #compareAccount(id: string): void {
    const home = this.partitions[partitionOf(id, this.partitions.length)]!.oracle;
    const account = home.member("account", id)!;
    const lit = (kind: MemberKind) => home.litFlags(kind);
    for (const [index, { oracle }] of this.partitions.entries()) {
      const users = [...oracle.members("user")].filter(({ tie }) => tie?.account === id);
      if (account.crowd.usersIn(index) !== users.length) {
        throw this.#mismatch(
          `${id} counts ${account.crowd.usersIn(index)} users in ${index}, and ${users.length} are there`,
        );
      }
      for (const user of users) {
        const known = lit("account").filter((flag) => user.tie!.on?.has(flag));
        const held = lit("account").filter((flag) => account.flags.has(flag));
        if (user.tie!.on === undefined || known.join() !== held.join()) {
          throw this.#mismatch(`${user.id} knows ${known} of ${id}, and ${held} hold`);
        }
      }
    }
    const all = this.partitions
      .flatMap(({ oracle }) => [...oracle.members("user")])
      .filter(({ tie }) => tie?.account === id);
    for (const flag of lit("user")) {
      const held = all.filter(({ flags }) => flags.has(flag)).length;
      if (account.crowd.holds(flag) !== held) {
        throw this.#mismatch(`${id} counts ${account.crowd.holds(flag)} users for ${flag}, and it holds for ${held}`);
      }
    }
  }

  #mismatch(text: string): Mismatch {
    return new Mismatch(this.#seed, "sides", `SEED=${this.#seed}: ${text}`);
  }

  #sourcesIn(text: string): string {
    const ids = [...this.entries.sources.keys()].filter(
      (id) => text.includes(`"${id}"`) || text.includes(`${id} holds`),
    );
    return ids.map((id) => JSON.stringify(this.entries.sources.get(id))).join("\n");
  }

  /** Which of the rules that join the two sides is concerned. */
  #rulesIn(text: string): string {
    const sources = this.#sourcesIn(text);
    return ["account", "users"].filter((name) => sources.includes(`"${name}":{`)).join(", ") || "accounts";
  }
}
