// Bodies that come compressed, as libraries for apps send them. Bounded as all bodies are, by what comes out: server.ts's
// limits count the stream that stands here. Asked by lib/api/routes/ingest.ts.
import { createGunzip, type Gunzip } from "node:zlib";
import type { FastifyRequest, RequestPayload } from "fastify";
import { HttpError } from "./http-error.ts";

/** Of what came in, which Fastify compares with the length that the sender named. */
interface Counted {
  receivedEncodedLength?: number;
}

export function inflated({ headers }: FastifyRequest, payload: RequestPayload): RequestPayload {
  const encoding = headers["content-encoding"]?.toLowerCase() ?? "identity";
  if (encoding === "identity") return payload;
  if (encoding !== "gzip") {
    throw new HttpError(415, "unsupported-type", "A body comes as it is, or with content-encoding gzip.");
  }
  const gunzip: Gunzip & Counted = createGunzip();
  gunzip.receivedEncodedLength = 0;
  payload.on("data", (chunk: Buffer) => {
    gunzip.receivedEncodedLength! += chunk.length;
  });
  payload.once("error", (error) => gunzip.destroy(error));
  // Whoever reads it hears of it, too. But a request may be refused before its body is read, and then nobody does: an error
  // without a listener would end the process.
  gunzip.on("error", () => {});
  return payload.pipe(gunzip);
}
