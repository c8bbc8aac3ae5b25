// What a partition has to say to others: gathered while a step goes on, told as one message a target when it is over
// (more where it is much). What turned there and back within the step is not told at all.
import { inIdOrder } from "../../ids.ts";
import {
  type AccountItem,
  encodeLink,
  type FlagId,
  LINK_ITEMS_MAX,
  type LinkItem,
  type LinkMessage,
  type UserItem,
} from "../../links.ts";
import type { MemberId, PartitionNo, Seq } from "../../types.ts";
import { push } from "../lists.ts";
import { addTo, type Belonging } from "../member/accounts.ts";
import type { Actor } from "../member/actor.ts";

type Answer = Extract<AccountItem, { op: "answer" }>;

const NOBODY: ReadonlySet<MemberId> = new Set();

/** Of one account: for how many more of this partition's users each flag holds. */
interface Counted {
  readonly home: PartitionNo;
  readonly by: Map<FlagId, number>;
}

/** Of one account here: who is to hear of its flags, and how often each turned. */
interface Turned {
  targets: readonly PartitionNo[];
  readonly flags: Map<FlagId, { on: boolean; times: number }>;
}

export class Outbox {
  readonly #from: PartitionNo;
  readonly #partitions: number;
  /** Messages made so far, by target. */
  readonly #made: Map<PartitionNo, number>;
  readonly #users = new Map<PartitionNo, UserItem[]>();
  readonly #counts = new Map<MemberId, Counted>();
  readonly #turned = new Map<MemberId, Turned>();
  readonly #answers = new Map<PartitionNo, Answer[]>();
  readonly #lit: LinkItem[] = [];
  /** Of whom something is told, in the step under way, because time has passed. */
  #ofTime: ReadonlySet<MemberId> = NOBODY;
  /** Each is a message of its own, to one partition or to all. */
  readonly #erased: { readonly to: PartitionNo | undefined; readonly item: LinkItem }[] = [];
  #messages: LinkMessage[] = [];

  constructor(from: PartitionNo, partitions: number, made: Iterable<readonly [PartitionNo, number]> = []) {
    this.#from = from;
    this.#partitions = partitions;
    this.#made = new Map(made);
  }

  /** For the checkpoint. */
  get made(): [PartitionNo, number][] {
    return [...this.#made];
  }

  /** What a user does, to his account. */
  tell({ home }: Belonging, item: UserItem): void {
    push(this.#users, home, item);
  }

  /** A flag has turned for a user. */
  userTurned({ id, home }: Belonging, flag: FlagId, on: boolean): void {
    const counted = this.#counts.get(id) ?? { home, by: new Map() };
    this.#counts.set(id, counted);
    addTo(counted.by, flag, on ? 1 : -1);
  }

  /** A flag has turned for an account. */
  accountTurned(account: Actor, flag: FlagId, on: boolean): void {
    const turned = this.#turned.get(account.id) ?? { targets: [], flags: new Map() };
    this.#turned.set(account.id, turned);
    turned.targets = [...account.people!.crowd.keys()];
    const times = (turned.flags.get(flag)?.times ?? 0) + 1;
    turned.flags.set(flag, { on, times });
  }

  /** An account has users in other partitions than before. */
  crowdMoved(account: Actor): void {
    const turned = this.#turned.get(account.id);
    if (turned !== undefined) turned.targets = [...account.people!.crowd.keys()];
  }

  answer(to: PartitionNo, item: Answer): void {
    push(this.#answers, to, item);
  }

  /** To everybody: what is asked for that revision is evaluated here. */
  lit(revision: number, round: number): void {
    this.#lit.push({ op: "lit", revision, round });
  }

  /** To everybody: no more is said here of the member whom that revision forgets. */
  erased(revision: number): void {
    this.#erased.push({ to: undefined, item: { op: "erased", revision } });
  }

  /** To whoever said so: no more is said here to that member, or nothing that goes with what was said before. */
  heardErased(to: PartitionNo, revision: number): void {
    this.#erased.push({ to, item: { op: "erased", revision, heard: true } });
  }

  /** What has been gathered so far comes of time that has passed, and not of the message that moved the clock. */
  timePassed(): void {
    if (this.#counts.size + this.#turned.size > 0)
      this.#ofTime = new Set([...this.#counts.keys(), ...this.#turned.keys()]);
  }

  /** The step of the input `seq` is over. */
  close(seq: Seq): void {
    const gathered = this.#users.size + this.#counts.size + this.#turned.size + this.#answers.size;
    if (gathered + this.#lit.length + this.#erased.length === 0) return;
    const byTarget = this.#gather();
    for (let to = 0; to < this.#partitions; to += 1) {
      const items = byTarget.get(to) ?? [];
      for (let at = 0; at < items.length; at += LINK_ITEMS_MAX)
        this.#say(to, seq, items.slice(at, at + LINK_ITEMS_MAX));
      for (const erased of this.#erased) if ((erased.to ?? to) === to) this.#say(to, seq, [erased.item]);
    }
    for (const told of [this.#users, this.#counts, this.#turned, this.#answers]) told.clear();
    this.#ofTime = NOBODY;
    this.#lit.length = 0;
    this.#erased.length = 0;
  }

  #gather(): Map<PartitionNo, LinkItem[]> {
    const byTarget = new Map<PartitionNo, LinkItem[]>();
    const add = (to: PartitionNo, item: LinkItem): void => push(byTarget, to, item);
    for (const [to, items] of this.#users) for (const item of items) add(to, item);
    for (const [account, { home, by }] of inIdOrder(this.#counts)) {
      for (const flag of [...by.keys()].sort()) add(home, { op: "count", account, flag, by: by.get(flag)! });
    }
    for (const [account, { targets, flags }] of inIdOrder(this.#turned)) {
      for (const flag of [...flags.keys()].sort()) {
        const { on, times } = flags.get(flag)!;
        if (times % 2 === 1) for (const to of targets) add(to, { op: "flip", account, flag, on });
      }
    }
    for (const [to, answers] of this.#answers) for (const item of answers) add(to, item);
    for (const item of this.#lit) for (let to = 0; to < this.#partitions; to += 1) add(to, item);
    return byTarget;
  }

  #say(to: PartitionNo, seq: Seq, items: readonly LinkItem[]): void {
    const n = addTo(this.#made, to, 1);
    const message = { to, n, seq, body: encodeLink({ from: this.#from, n, items }) };
    this.#messages.push(this.#isOfTime(items) ? { ...message, isOfTime: true } : message);
  }

  #isOfTime(items: readonly LinkItem[]): boolean {
    if (this.#ofTime.size === 0) return false;
    return items.some((item) => (item.op === "count" || item.op === "flip") && this.#ofTime.has(item.account));
  }

  take(): LinkMessage[] {
    const taken = this.#messages;
    if (taken.length > 0) this.#messages = [];
    return taken;
  }
}
