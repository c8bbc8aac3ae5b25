// The stream ERASED as erasing.ts and control-erasing.ts write and list it: names that are written once, or anew by compare-and-set.
import { headers, type NatsConnection } from "@nats-io/transport-node";
import type { Seq } from "../core/types.ts";
import type { Published } from "../ports/publishing.ts";
import type { Names } from "./names.ts";
import { expectLast, isNoStream, publish, subjectsOf } from "./wire.ts";

/** `expected` is the place of what it replaces; 0 where nothing stands under that name. */
export function putInLedger(nc: NatsConnection, subject: string, body: string, expected: Seq): Promise<Published> {
  return publish(nc, subject, body, expectLast(headers(), subject, expected));
}

export async function ledgerSubjects(nc: NatsConnection, names: Names, filter: string): Promise<readonly string[]> {
  return (await subjectsOf(nc, names.erasedStream, filter).catch(noLedger)) ?? [];
}

/** A data set that was made by an older version has no ledger before its first worker of this one: nothing was erased. */
export function noLedger(error: unknown): undefined {
  if (isNoStream(error)) return undefined;
  throw error;
}
