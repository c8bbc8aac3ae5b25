// Law 4 over SEGMENTS as it stands: of each member in each segment joined and left alternate, numbered 1, 2, 3 …
// Pure, and keeps one number a pair; for a large stream only of a share of the members, chosen by hash.
import { count, counted } from "../cli/numbers.ts";
import { plain } from "../cli/style.ts";
import { encodeId, fnv1a } from "../core/ids.ts";
import type { Delta, MemberId, Seq } from "../core/types.ts";
import { type Finding, fail, ok } from "./finding.ts";

const CHECK = "numbering";
const EXAMPLES_SHOWN = 3;
const HASHES = 2 ** 32;

/** 0 ≤ rank < 1: as good as random, and the same for one member under one salt. */
export function rankOf(id: MemberId, salt: number): number {
  let hash = fnv1a(`${encodeId(id)}.${salt}`);
  // FNV leaves the last characters in the low bits; a finisher spreads them.
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return ((hash ^ (hash >>> 16)) >>> 0) / HASHES;
}

export interface NumberingOptions {
  /** Of the members, those with a rank below it are followed; 1 follows all. */
  readonly share: number;
  readonly salt: number;
  /** False where the stream's beginning is gone: then the first number that is seen is taken as it is. */
  readonly whole: boolean;
  /** Of whom deltas were deleted because they were erased. */
  readonly isErased?: (kind: Delta["kind"], id: MemberId) => boolean;
}

type Kind = "gap" | "repeat" | "word";

const REMEDIES: Readonly<Record<Kind, string>> = {
  gap: "a delta is gone from SEGMENTS: restore the stream from a backup; `rollcall replay --verify` lists what is lost",
  repeat:
    "somebody other than a worker wrote to delta.>: give each role its permissions (rollcall nats-config); services that keep the last `n` leave it out",
  word: "somebody other than a worker wrote to delta.>: give each role its permissions (rollcall nats-config)",
};

export class Numbering {
  private readonly options: NumberingOptions;
  private readonly last = new Map<string, number>();
  private readonly found = new Map<Kind, { count: number; readonly examples: string[] }>();
  private unreadable: { count: number; seq: Seq } | undefined;
  private heard = 0;
  private seen = 0;

  constructor(options: NumberingOptions) {
    this.options = options;
  }

  hear(seq: Seq, { segment, kind, id, change, n }: Delta): void {
    this.seen += 1;
    if (this.options.share < 1 && rankOf(id, this.options.salt) >= this.options.share) return;
    if (this.options.isErased?.(kind, id) === true) return;
    this.heard += 1;
    const key = `${segment}\n${kind === "user" ? "" : kind}\n${id}`;
    const known = this.last.get(key);
    const before = known ?? (this.options.whole ? 0 : n - 1);
    this.last.set(key, Math.max(before, n));
    const where = (): string => `${plain(id)} in ${plain(segment)}, at ${seq}`;
    if (n > before + 1) this.add("gap", () => `${where()}: ${change} with n ${n} after ${before}`);
    else if (n <= before) this.add("repeat", () => `${where()}: ${change} with n ${n} again, after ${before}`);
    if (change !== (n % 2 === 1 ? "joined" : "left")) this.add("word", () => `${where()}: ${change} with n ${n}`);
  }

  /** A message on a delta's subject that is none. */
  refuse(seq: Seq): void {
    this.unreadable = { count: (this.unreadable?.count ?? 0) + 1, seq: this.unreadable?.seq ?? seq };
  }

  findings(): readonly Finding[] {
    const told: Readonly<Record<Kind, (n: number) => string>> = {
      gap: (n) => counted(n, "gap"),
      repeat: (n) => counted(n, "repeat"),
      word: (n) => `${counted(n, "delta")} where joined and left do not alternate`,
    };
    const findings = [...this.found].map(([kind, { count: n, examples }]) =>
      fail(CHECK, `${told[kind](n)}: ${examples.join("; ")}${n > examples.length ? "; …" : ""}`, REMEDIES[kind]),
    );
    if (this.unreadable !== undefined) {
      const text = `${counted(this.unreadable.count, "message")} of SEGMENTS cannot be read as a delta, the first at ${this.unreadable.seq}`;
      findings.push(fail(CHECK, text, REMEDIES.word));
    }
    return findings.length > 0 ? findings : [ok(CHECK, this.text())];
  }

  private text(): string {
    const pairs = `${counted(this.last.size, "membership")} numbered 1, 2, 3 … without gap or repeat`;
    const start = this.options.whole ? "" : ", from where SEGMENTS begins";
    if (this.options.share >= 1) return `${counted(this.heard, "delta")}, ${pairs}${start}`;
    const share = `${Math.max(0.1, this.options.share * 100).toFixed(1)} % of the members`;
    return `${count(this.heard)} of ${counted(this.seen, "delta")} (${share}), ${pairs}${start}`;
  }

  private add(kind: Kind, text: () => string): void {
    const found = this.found.get(kind) ?? { count: 0, examples: [] };
    found.count += 1;
    if (found.examples.length < EXAMPLES_SHOWN) found.examples.push(text());
    this.found.set(kind, found);
  }
}
