// What comes in and is no request: a line that breaks off, a length that lies, headers without end, a body that never comes. The
// parser of HTTP refuses it before any route is known; here it is answered in the same words and shape as all other refusals, and
// with the same headers. server.ts hands it to fastify.

import { STATUS_CODES } from "node:http";
import type { Socket } from "node:net";
import { HttpError } from "./http-error.ts";
import { isLong } from "./long-requests.ts";
import { errorOut } from "./refusals.ts";

type Headers = Readonly<Record<string, string>>;

/** The connection ends with it: where the next request would begin, nobody knows. */
export function answerClientError(
  error: Error & { readonly code?: string },
  socket: Socket,
  everyHeader: Headers,
): void {
  // Who has gone is told nothing.
  if (error.code === "ECONNRESET" || socket.destroyed) return;
  // The server asks once: it has taken the request off its list of those that it waits for.
  if (error.code === "ERR_HTTP_REQUEST_TIMEOUT" && isLong(socket)) return;
  if (socket.writable) socket.write(refusalText(refusalOf(error.code), everyHeader));
  socket.destroy(error);
}

function refusalOf(code: string | undefined): HttpError {
  switch (code) {
    case "ERR_HTTP_REQUEST_TIMEOUT":
      return new HttpError(408, "too-slow", "The request did not arrive in time (httpTimeout); send it again.");
    case "HPE_HEADER_OVERFLOW":
      return new HttpError(431, "too-large", "The address and the headers are larger together than what is taken.");
    case "HPE_CHUNK_EXTENSIONS_OVERFLOW":
      return new HttpError(413, "too-large", "The chunks of the body say more about themselves than what is taken.");
    default:
      return new HttpError(400, "bad-request", "This is no request as HTTP/1.1 has it.");
  }
}

function refusalText(refusal: HttpError, everyHeader: Headers): string {
  const body = JSON.stringify(errorOut(refusal));
  const headers = {
    ...everyHeader,
    "content-type": "application/json; charset=utf-8",
    "content-length": Buffer.byteLength(body),
    date: new Date().toUTCString(),
    connection: "close",
  };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
  return [`HTTP/1.1 ${refusal.statusCode} ${STATUS_CODES[refusal.statusCode]}`, ...lines, "", body].join("\r\n");
}
