// Of whom a log tells less than there was: those who were erased, also where they came back, and accounts that have lost what
// an erased user did there. Nobody who recomputes a log can tell of them; everybody else is as before.
// Fed with the log's records by verify.ts and by the doctor's sample.
import { type Erased, isMeant } from "../core/erasure.ts";
import { hashOf } from "../core/ids.ts";
import { decodeLink, isTouch } from "../core/links.ts";
import type { LogRecord, MemberId, MemberKind } from "../core/types.ts";

export class LeftOut {
  readonly #erased = new Map<number, Erased[]>();
  readonly #touched = new Set<MemberId>();

  /** True when it has learnt of somebody. */
  hear({ kind, body }: LogRecord): boolean {
    if (kind === "control" && holds(body, '"op":"erase"')) return this.#hearErasure(readJson(body));
    if (kind !== "link" || !holds(body, '"by":0')) return false;
    const touched = decodeLink(readJson(body))?.items.filter(isTouch) ?? [];
    for (const { account } of touched) this.#touched.add(account);
    return touched.length > 0;
  }

  #hearErasure(copy: unknown): boolean {
    const erased = (copy as { readonly entry?: Erased } | undefined)?.entry;
    if (typeof erased?.hash !== "number" || typeof erased.mark !== "string" || typeof erased.key !== "string")
      return false;
    this.#erased.set(erased.hash, [...(this.#erased.get(erased.hash) ?? []), erased]);
    return true;
  }

  has(kind: MemberKind, id: MemberId): boolean {
    if (kind === "account" && this.#touched.has(id)) return true;
    if (this.#erased.size === 0) return false;
    return (this.#erased.get(hashOf(id)) ?? []).some((erased) => erased.kind === kind && isMeant(erased, id));
  }
}

function holds(body: Uint8Array, text: string): boolean {
  return Buffer.from(body.buffer, body.byteOffset, body.length).includes(text);
}

function readJson(body: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(body));
  } catch {
    return undefined;
  }
}
