// A data set as it was made: its partitions and its clock stand in the metadata of its control log's stream.
// Asked by whoever comes to a data set that somebody else has made: the command line, the API.
import type { NatsConnection } from "@nats-io/transport-node";
import type { Names } from "../../nats/names.ts";
import { api, isNoStream } from "../../nats/wire.ts";

export interface DataSetMade {
  readonly partitions: number;
  readonly clock: "log" | "event";
}

/** Undefined when there is none of this name on the server. */
export async function dataSetMade(nc: NatsConnection, names: Names): Promise<DataSetMade | undefined> {
  const metadata = await metadataOf(nc, names.definitionsStream);
  const partitions = Number(metadata?.["rollcall-partitions"]);
  if (!Number.isSafeInteger(partitions) || partitions < 1) return undefined;
  return { partitions, clock: metadata?.["rollcall-clock"] === "event" ? "event" : "log" };
}

async function metadataOf(nc: NatsConnection, stream: string): Promise<Readonly<Record<string, string>> | undefined> {
  try {
    const info = await api<{ config: { metadata?: Record<string, string> } }>(nc, `STREAM.INFO.${stream}`);
    return info.config.metadata;
  } catch (error) {
    if (isNoStream(error)) return undefined;
    throw error;
  }
}
