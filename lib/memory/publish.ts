// One publish of a client to a stream in memory, and how it ended. Below world.ts and erasing.ts.
import type { Published } from "../ports/publishing.ts";
import { type MemoryServer, type NewMessage, Unavailable } from "./server.ts";

/** Stores all of these or, when `store` refuses, nothing; what is too large never leaves its sender. */
export async function publish(
  server: MemoryServer,
  client: string,
  name: string,
  messages: readonly NewMessage[],
  store: () => number | undefined,
): Promise<Published> {
  const largest = messages.reduce((most, { body }) => Math.max(most, body.length), 0);
  if (largest > server.payloadBytesMax)
    return { kind: "retry", reason: `a message of ${largest} bytes is larger than the server's max_payload` };
  try {
    const seq = await server.call(client, name, store);
    return seq === undefined ? { kind: "fenced" } : { kind: "stored", seq };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return error instanceof Unavailable ? { kind: "retry", reason } : { kind: "unknown", reason };
  }
}
