// Which events and traits people send now, and which traits accounts get: the newest messages of every log, looked at for their names alone.
// `segments apply` warns by it of names that nobody sends; core/rules/seen.ts compares.
import type { NatsConnection } from "@nats-io/transport-node";
import { decodeAccountMessage, decodeEvent } from "../core/decode.ts";
import type { SeenNames } from "../core/rules/checks/seen.ts";
import type { Limits, PartitionNo } from "../core/types.ts";
import type { Names } from "../nats/names.ts";
import { counted } from "./numbers.ts";
import { newestRecords } from "./read-streams.ts";
import { sideBySide } from "./side-by-side.ts";

const MESSAGES_MAX = 4_000;
const LOGS_AT_ONCE = 4;

export interface LogsToRead {
  readonly nc: NatsConnection;
  readonly names: Names;
  readonly partitions: number;
  readonly limits: Limits;
}

/** Undefined while nobody has sent anything. */
export async function seenNames({ nc, names, partitions, limits }: LogsToRead): Promise<SeenNames | undefined> {
  const events = new Set<string>();
  const traits = new Set<string>();
  const accountTraits = new Set<string>();
  let messages = 0;
  const look = async (partition: PartitionNo): Promise<void> => {
    for await (const { kind, body } of newestRecords(nc, names, partition, Math.ceil(MESSAGES_MAX / partitions))) {
      if (kind !== "event" && kind !== "account") continue;
      const decoded = kind === "event" ? decodeEvent(body, limits) : decodeAccountMessage(body, limits);
      if (!decoded.ok) continue;
      messages += 1;
      const { type, name } = decoded.value;
      if (type !== "identify" && type !== "group") events.add(name);
      const written = type === "group" ? accountTraits : traits;
      for (const trait of Object.keys(decoded.value.traits)) written.add(trait);
    }
  };
  await sideBySide(
    Array.from({ length: partitions }, (_, partition) => partition),
    LOGS_AT_ONCE,
    look,
  );
  return messages === 0
    ? undefined
    : { events, traits, accountTraits, among: `the last ${counted(messages, "message")}` };
}
