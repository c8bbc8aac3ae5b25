// Once before all tests: a nats-server is there, fetched if need be, so that no test waits for a download.
import { ensureServer } from "../../lib/server/fetch.ts";
import { BINARY_DIR } from "./nats.ts";

export default async function setup(): Promise<void> {
  await ensureServer({ dataDir: BINARY_DIR });
}
