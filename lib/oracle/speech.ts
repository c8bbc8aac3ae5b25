// What one step says to other partitions, gathered while it happens and put into messages at its end.
// oracle.ts tells it what happens; the order of items in a message is the one that all agree on.
import { partitionOf } from "../core/ids.ts";
import {
  encodeLink,
  type FlagId,
  LINK_ITEMS_MAX,
  type LinkItem,
  type LinkMessage,
  type UserItem,
} from "../core/links.ts";
import type { MemberId, PartitionNo, Seq } from "../core/types.ts";
import { inOrder, type Member } from "./history.ts";

/** A user who joined, and the partition that hears the answer. */
interface Joined {
  readonly account: Member;
  readonly user: MemberId;
  readonly join: Seq;
  readonly from: PartitionNo;
}

export class Speech {
  readonly #partition: PartitionNo;
  readonly #partitions: number;
  /** Messages said before, by target. */
  readonly #said = new Map<PartitionNo, number>();
  #items: { readonly account: MemberId; readonly item: UserItem }[] = [];
  /** By account and flag, for how many more users it holds. */
  #counts = new Map<MemberId, Map<FlagId, number>>();
  /** By account and flag, every turn of it: whether it holds after it. */
  #turns = new Map<MemberId, { readonly account: Member; readonly flags: Map<FlagId, boolean[]> }>();
  #joined: Joined[] = [];
  #lit: { readonly revision: number; readonly round: number }[] = [];
  #erased: { readonly to: PartitionNo; readonly item: LinkItem }[] = [];

  constructor(partition: PartitionNo, partitions: number) {
    this.#partition = partition;
    this.#partitions = partitions;
  }

  /** Of a user, to his account. */
  tell(item: Exclude<UserItem, { op: "count" }>): void {
    this.#items.push({ account: item.account, item });
  }

  count(account: MemberId, flag: FlagId, by: number): void {
    const counts = this.#counts.get(account) ?? new Map<FlagId, number>();
    this.#counts.set(account, counts.set(flag, (counts.get(flag) ?? 0) + by));
  }

  /** A flag of an account turns. */
  turn(account: Member, flag: FlagId, on: boolean): void {
    const flags = this.#turns.get(account.id)?.flags ?? new Map<FlagId, boolean[]>();
    flags.set(flag, [...(flags.get(flag) ?? []), on]);
    this.#turns.set(account.id, { account, flags });
  }

  answer(joined: Joined): void {
    this.#joined.push(joined);
  }

  lit(revision: number, round: number): void {
    this.#lit.push({ revision, round });
  }

  /** To all, that no more is said of an erased member. */
  erased(revision: number): void {
    for (let to = 0; to < this.#partitions; to += 1) this.#erased.push({ to, item: { op: "erased", revision } });
  }

  heardErased(revision: number, to: PartitionNo): void {
    this.#erased.push({ to, item: { op: "erased", revision, heard: true } });
  }

  /** All that the step has to say. */
  endStep(seq: Seq): LinkMessage[] {
    const messages: LinkMessage[] = [];
    for (let to = 0; to < this.#partitions; to += 1) {
      const items = [
        ...this.#items.flatMap(({ account, item }) => (this.#homeOf(account) === to ? [item] : [])),
        ...this.#countsTo(to),
        ...this.#flipsTo(to),
        ...this.#answersTo(to),
        ...this.#lit.map(({ revision, round }): LinkItem => ({ op: "lit", revision, round })),
      ];
      for (let from = 0; from < items.length; from += LINK_ITEMS_MAX) {
        messages.push(this.#message(to, seq, items.slice(from, from + LINK_ITEMS_MAX)));
      }
      for (const { to: target, item } of this.#erased) if (target === to) messages.push(this.#message(to, seq, [item]));
    }
    this.#items = [];
    this.#counts = new Map();
    this.#turns = new Map();
    this.#joined = [];
    this.#lit = [];
    this.#erased = [];
    return messages;
  }

  #message(to: PartitionNo, seq: Seq, items: readonly LinkItem[]): LinkMessage {
    const n = (this.#said.get(to) ?? 0) + 1;
    this.#said.set(to, n);
    return { to, n, seq, body: encodeLink({ from: this.#partition, n, items }) };
  }

  #homeOf(account: MemberId): PartitionNo {
    return partitionOf(account, this.#partitions);
  }

  #countsTo(to: PartitionNo): LinkItem[] {
    const accounts = [...this.#counts].filter(([account]) => this.#homeOf(account) === to);
    accounts.sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    return accounts.flatMap(([account, counts]) => {
      const changed = [...counts].filter(([, by]) => by !== 0).sort(byFlag);
      return changed.map(([flag, by]): LinkItem => ({ op: "count", account, flag, by }));
    });
  }

  #flipsTo(to: PartitionNo): LinkItem[] {
    const accounts = [...this.#turns.values()].filter(({ account }) => account.crowd.usersIn(to) > 0);
    accounts.sort((a, b) => inOrder(a.account, b.account));
    return accounts.flatMap(({ account, flags }) => {
      // There and back is as if it had not turned.
      const turned = [...flags].filter(([, turns]) => turns.length % 2 === 1).sort(byFlag);
      return turned.map(([flag, turns]): LinkItem => ({ op: "flip", account: account.id, flag, on: turns.at(-1)! }));
    });
  }

  #answersTo(to: PartitionNo): LinkItem[] {
    const joined = this.#joined.filter(({ from }) => from === to);
    return joined.map(({ account, user, join }) => {
      return { op: "answer", account: account.id, user, join, on: [...account.flags].sort() };
    });
  }
}

function byFlag([a]: readonly [FlagId, unknown], [b]: readonly [FlagId, unknown]): number {
  return a < b ? -1 : 1;
}
