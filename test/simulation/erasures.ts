// Who is erased in a run, and what must come of it. Drawn by dice of their own and woven into the steps of a plan, so that worlds
// without erasures stay as they are. What members say bears a tag, counted by erasures, so that who comes back is told from
// who was erased.
import type { ControlCopy, ControlEntry } from "../../lib/core/control.ts";
import { type Erased, erasedOf, isMeant } from "../../lib/core/erasure.ts";
import { partitionOf } from "../../lib/core/ids.ts";
import { isListEntry } from "../../lib/core/list-entries.ts";
import type { Delta, JsonObject, LogRecord, MemberId, MemberKind, PartitionNo, Seq } from "../../lib/core/types.ts";
import { outOfControlLog } from "../../lib/memory/control-erasing.ts";
import { memoryKindOf } from "../../lib/memory/log-reading.ts";
import type { MemoryMessage, MemoryServer } from "../../lib/memory/server.ts";
import { memoryLogStream } from "../../lib/memory/world.ts";
import { entriesOf, leftOf, phasesOf } from "../support/erasures.ts";
import type { Dice } from "../support/seed.ts";
import { asksAccounts } from "./accounts.ts";
import type { Deed, SentEvent, Step, World } from "./plan.ts";

/** The requests of an erasure, and the moments at which one of them can be its worker's last. */
const ERASURE_CALLS = ["ledger", "ledger", "erase", "erase", "readLedger", "putManifest", "remove"] as const;

/** Members are named so that no id is found inside another, nor in anything that nobody said of them. */
export function nameOf(kind: MemberKind, index: number): MemberId {
  return `${kind === "user" ? "person" : "firm"}-${index}-`;
}

/**
 * With erasures in it, from somewhere in the midst on. What an erased user did counts on for his accounts, and no definition that
 * comes later finds it, which no oracle knows: so either accounts alone are erased, or accounts are asked no new questions.
 */
export function withErasures(all: readonly Step[], world: World, dice: Dice): Step[] {
  const spares = world.accounts.length > 0 && dice.chance(0.5);
  const asked = spares ? all.length : Math.max(1, Math.floor(all.length / 4));
  const steps = all.filter((step, index) => index < asked || world.accounts.length === 0 || !asksAccounts(step));
  const wait = (): number => dice.pick([0, 0, 10, 120, 300]);
  const people = onLists(world);
  const [often, strikes] = [dice.pick([0.04, 0.1, 0.25]), dice.pick([0, 0.2, 0.5])];
  const half = Math.floor(steps.length / 2);
  const begins = dice.int(Math.min(half, world.accounts.length === 0 || spares ? 2 : asked), half);
  return steps.map(people).flatMap((step, index): Step[] => {
    if (index < begins || !dice.chance(often)) return [step];
    const deed = erasure(dice, world, spares);
    const woven: Step[] = [step, { ...deed, waitMs: wait() }];
    if (dice.chance(strikes)) woven.push({ ...struck(dice), waitMs: wait() });
    if (dice.chance(0.2)) woven.push({ ...refusedOf(dice, world), waitMs: wait() });
    // The same once more: the second finds nobody, or whoever came back.
    if (dice.chance(0.1)) woven.push({ ...deed, waitMs: wait() });
    return woven;
  });
}

/** Lists hold whoever sends something, and some who never do. */
function onLists({ users }: World): (step: Step) => Step {
  return (step) => {
    if (step.do !== "define" || !isListEntry(step.entry) || kindOf(step.entry) !== "user") return step;
    const members = step.entry.members.map((id) => users[Number(id.slice(1))] ?? id);
    return { ...step, entry: { ...step.entry, members: [...new Set(members)] } };
  };
}

function erasure(dice: Dice, { users, accounts }: World, sparesUsers: boolean): Deed {
  const isAccount = sparesUsers || (accounts.length > 0 && dice.chance(0.25));
  return { do: "erase", kind: isAccount ? "account" : "user", id: dice.pick(isAccount ? accounts : users) };
}

function struck(dice: Dice): Deed {
  const [worker, left] = [dice.int(0, 9), dice.int(0, 4)];
  const at = { worker, left, call: dice.pick(ERASURE_CALLS), when: dice.pick(["before", "after"] as const) };
  return dice.chance(0.6) ? { do: "crash", ...at } : { do: "stopAt", ...at, forMs: dice.pick([900, 2_500, 6_000]) };
}

/** No event, and it says whose it was meant to be. */
function refusedOf(dice: Dice, { users }: World): Deed {
  const user = dice.pick(users);
  return { do: "send", events: [{ user, lateMs: undefined, message: { userId: user, type: "track" } }] };
}

/** One erasure as it was asked for, and what is known of it by the logs. */
interface Erasure {
  readonly kind: MemberKind;
  readonly id: MemberId;
  readonly revision: number;
  readonly erased: Erased;
  /** What is said from then on bears this number, or a higher one. */
  readonly nth: number;
  /** Place of the entry's copy in the home log. */
  copy: Seq | undefined;
}

function kindOf({ kind = "user" }: { readonly kind?: MemberKind }): MemberKind {
  return kind;
}

const TAG = /\b(?:person|firm)-\d+-#\d+#/g;
const text = new TextDecoder();

function numberOf(tag: string): number {
  return Number(tag.split("#")[1]);
}

/** Follows the logs of a run, and knows which words must be nowhere in the end. */
export class ErasureAuditor {
  private readonly server: MemoryServer;
  private readonly partitions: number;
  private readonly erasures: Erasure[] = [];
  private readonly times = new Map<string, number>();
  /** By member: tags that stood in the home log. */
  private readonly seen = new Map<string, Set<string>>();
  private readonly gone = new Set<string>();
  /** By log and revision: where its first copy was stored. */
  private readonly copied = new Map<string, Seq>();

  constructor(server: MemoryServer, partitions: number) {
    this.server = server;
    this.partitions = partitions;
  }

  get count(): number {
    return this.erasures.length;
  }

  /** The entry that is about to be written under that revision. */
  entryFor(kind: MemberKind, id: MemberId, revision: number): ControlEntry {
    const erased = erasedOf(kind, id, `key of ${revision}`);
    const member = `${kind} ${id}`;
    const nth = (this.times.get(member) ?? 0) + 1;
    this.times.set(member, nth);
    this.erasures.push({ kind, id, revision, erased, nth, copy: undefined });
    return { op: "erase", ...erased };
  }

  /** The same message, with the tag of whom it tells about. */
  tagged({ user, kind, message }: SentEvent): JsonObject {
    const ofAccount = typeof message.groupId === "string" ? { by: this.tagOf("account", message.groupId) } : {};
    const own = kind === "account" ? ofAccount : { by: this.tagOf("user", user) };
    const properties = { ...(message.properties as JsonObject | undefined), ...own };
    if (message.type === "identify") return { ...message, traits: { ...(message.traits as JsonObject), ...own } };
    if (message.type !== "group") return { ...message, properties };
    return "traits" in message ? { ...message, traits: { ...(message.traits as JsonObject), ...ofAccount } } : message;
  }

  private tagOf(kind: MemberKind, id: MemberId): string {
    return `${id}#${this.times.get(`${kind} ${id}`) ?? 0}#`;
  }

  hear(partition: PartitionNo, record: LogRecord): void {
    if (record.kind === "control") this.hearCopy(partition, record);
    else if (record.kind !== "clock" && record.kind !== "ready") this.hearMessage(partition, record);
  }

  private hearCopy(partition: PartitionNo, { seq, body }: LogRecord): void {
    const { revision, entry } = JSON.parse(text.decode(body)) as ControlCopy;
    const key = `${memoryLogStream(partition)} ${revision}`;
    if (!this.copied.has(key)) this.copied.set(key, seq);
    // Whoever is put on a list afterwards is somebody new.
    if (isListEntry(entry) && kindOf(entry) === "user")
      for (const id of entry.members)
        if (partitionOf(id, this.partitions) === partition && this.isAfterAll(id, revision)) this.gone.delete(id);
    const found = this.erasures.find((one) => one.revision === revision);
    if (found === undefined || found.copy !== undefined || !this.isHome(found, partition)) return;
    found.copy = seq;
    for (const tag of this.seen.get(found.id) ?? []) {
      // Of an account, a user may say after the entry's copy in his own log what comes here before the one here: that stays in his.
      if (found.kind === "user" || numberOf(tag) < found.nth) this.gone.add(tag);
    }
    // An account that has users stays one that has users, so its id stays.
    if (found.kind === "user") this.gone.add(found.id);
  }

  private isAfterAll(id: MemberId, revision: number): boolean {
    return this.erasures.every((one) => one.kind !== "user" || one.id !== id || one.revision < revision);
  }

  /** Whatever comes after the copy tells of whoever comes back. */
  private hearMessage(partition: PartitionNo, { kind, body }: LogRecord): void {
    const said = text.decode(body);
    for (const [tag] of said.matchAll(TAG)) {
      const id = tag.slice(0, tag.indexOf("#"));
      if (partitionOf(id, this.partitions) !== partition) continue;
      if (this.isOfBefore(id, tag)) this.gone.add(tag);
      else this.gone.delete(tag);
      this.seen.set(id, (this.seen.get(id) ?? new Set()).add(tag));
    }
    if (kind !== "event") return;
    for (const id of this.gone) if (!id.endsWith("#") && said.includes(`"${id}"`)) this.gone.delete(id);
  }

  /** Of an account, what a user had said before it was erased may come to its home afterwards. */
  private isOfBefore(id: MemberId, tag: string): boolean {
    const isLater = ({ kind, id: erased, nth, copy }: Erasure): boolean =>
      kind === "account" && erased === id && copy !== undefined && numberOf(tag) < nth;
    return this.erasures.some(isLater);
  }

  private isHome({ erased }: Erasure, partition: PartitionNo): boolean {
    return erased.hash % this.partitions === partition;
  }

  /** Said before somebody was erased: it is deleted some time after. */
  isForgotten({ kind, id, cause }: Delta): boolean {
    return this.erasures.some(
      (one) => one.kind === kind && isMeant(one.erased, id) && one.copy !== undefined && cause.seq <= one.copy,
    );
  }

  /** What somebody said or did before he was erased; of links, and of accounts, no more is known than that they name the member. */
  mayGo({ seq, subject, body }: MemoryMessage): boolean {
    const said = text.decode(body);
    return this.erasures.some(({ kind, id, copy }) => {
      if (!said.includes(`"${id}"`)) return false;
      return kind === "account" || memoryKindOf(subject) !== "event" || (copy !== undefined && seq < copy);
    });
  }

  /** Every partition is through with every erasure; of services' deltas, where they are kept so long, all others are. */
  isThrough(keepsDeltas: boolean): boolean {
    const outOf = outOfControlLog(this.server);
    if (!this.erasures.every(({ revision }) => outOf.has(revision))) return false;
    return this.erasures.every((one) =>
      phasesOf(this.server, this.partitions, one.revision).every(
        (phase, partition) =>
          phase === "deleted" || (keepsDeltas && phase === "cleared" && this.isHome(one, partition)),
      ),
    );
  }

  /** Where a word still stands that must be nowhere. */
  left(keepsDeltas: boolean): string[] {
    const isKept = (stream: string, message: MemoryMessage): boolean =>
      (keepsDeltas && stream === "SEGMENTS") || this.isLateCopy(stream, message);
    return [...leftOf(this.server, this.partitions, [...this.gone], isKept), ...this.leftOnLists()];
  }

  /** Of an owner who slept while he sent it, and is none any more: it may come when all is erased (docs/privacy.md). */
  private isLateCopy(stream: string, { subject, body, seq }: MemoryMessage): boolean {
    if (!stream.startsWith("EVENTS_") || memoryKindOf(subject) !== "control") return false;
    const { revision } = JSON.parse(text.decode(body)) as ControlCopy;
    const first = this.copied.get(`${stream} ${revision}`);
    return first !== undefined && seq > first;
  }

  /** What an account said stands elsewhere, too; but no entry from before goes on putting it on a list, and no copy. */
  private leftOnLists(): string[] {
    const copies = entriesOf(this.server).map((entry, index) => ({ where: "DEFINITIONS", revision: index + 1, entry }));
    for (let partition = 0; partition < this.partitions; partition += 1) {
      const name = memoryLogStream(partition);
      for (const message of this.server.stream(name).from(1)) {
        if (memoryKindOf(message.subject) !== "control" || this.isLateCopy(name, message)) continue;
        const copy = JSON.parse(text.decode(message.body)) as ControlCopy;
        copies.push({ where: `the log of ${partition} at ${message.seq}`, ...copy });
      }
    }
    return copies.flatMap(({ where, revision, entry }) => {
      if (!isListEntry(entry)) return [];
      const before = this.erasures.filter((one) => one.revision > revision && one.kind === kindOf(entry));
      const named = before.filter(({ id }) => entry.members.includes(id));
      return named.map(({ kind, id }) => `${kind} ${id} is named by revision ${revision} in ${where}`);
    });
  }

  get goneCount(): number {
    return this.gone.size;
  }
}
