// A value that depends on the currency in force: what carts and orders come to is kept for every currency at once, so
// that another currency in the vocabulary reads them anew, without their history.
//
//   { any: no price, own: EUR → 12 }      in EUR it is 12; in every other currency there is none
import type { Json } from "../../types.ts";

export interface PerCurrency<T> {
  /** By every currency that has no value of its own. */
  readonly any: T;
  readonly own?: ReadonlyMap<string, T>;
}

/** Currencies of one value; beyond it the one that has been there longest is given up, and reads as any other. */
const OWN_MAX = 32;

export function inCurrency<T>({ any, own }: PerCurrency<T>, currency: string): T {
  return own?.has(currency) ? own.get(currency)! : any;
}

/** What a message in a currency makes of it: in none, by all of them; in one that is no text, by none. */
export function changedIn<T>(
  held: PerCurrency<T>,
  currency: Json | undefined,
  change: (value: T) => T,
): PerCurrency<T> {
  if (currency === undefined || currency === null) return changedInAll(held, change);
  if (typeof currency !== "string") return held;
  const own = new Map(held.own);
  own.set(currency, change(inCurrency(held, currency)));
  if (own.size > OWN_MAX) own.delete(own.keys().next().value!);
  return { any: held.any, own };
}

export function changedInAll<T>({ any, own }: PerCurrency<T>, change: (value: T) => T): PerCurrency<T> {
  if (own === undefined) return { any: change(any) };
  return { any: change(any), own: new Map(Array.from(own, ([currency, value]) => [currency, change(value)])) };
}

/** Without the currencies whose value is that of any other. */
export function trimmed<T>({ any, own }: PerCurrency<T>, isSame: (left: T, right: T) => boolean): PerCurrency<T> {
  const kept = [...(own ?? [])].filter(([, value]) => !isSame(value, any));
  return kept.length === 0 ? { any } : { any, own: new Map(kept) };
}

/** As page-codec.ts writes it down behind `any`; null where no currency has a value of its own. */
export function ownAsList<T, W>(
  { own }: PerCurrency<T>,
  write: (value: T) => W,
): readonly (readonly [string, W])[] | null {
  return own === undefined ? null : Array.from(own, ([currency, value]) => [currency, write(value)] as const);
}

export function ownFromList<T, W>(list: readonly (readonly [string, W])[] | null, read: (written: W) => T) {
  return list === null ? {} : { own: new Map(list.map(([currency, written]) => [currency, read(written)])) };
}
