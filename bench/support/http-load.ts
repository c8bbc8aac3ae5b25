// Sends requests over kept connections, each with one under way, as fast as they are answered; says what the answers were.
// Plain sockets: a client that does more per request than its server would measure itself.
import { connect, type Socket } from "node:net";

export interface HttpLoad {
  readonly url: string;
  readonly connections: number;
  readonly requests: readonly Buffer[];
}

export interface HttpLoadResult {
  readonly tookMs: number;
  /** Of each request, in the order of the answers. */
  readonly latenciesMs: readonly number[];
}

export function requestBytes(
  method: string,
  path: string,
  headers: Readonly<Record<string, string>>,
  body: string,
): Buffer {
  const lines = Object.entries({ host: "127.0.0.1", "content-length": String(Buffer.byteLength(body)), ...headers });
  return Buffer.from(
    `${method} ${path} HTTP/1.1\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join("")}\r\n${body}`,
  );
}

/** Rejects on the first answer that is not 200: a fast refusal is no throughput. */
export async function sendAll({ url, connections, requests }: HttpLoad): Promise<HttpLoadResult> {
  const { hostname, port } = new URL(url);
  const sockets = await Promise.all(Array.from({ length: connections }, () => opened(hostname, Number(port))));
  const latenciesMs: number[] = [];
  let next = 0;
  const startedMs = performance.now();
  const drive = (socket: Socket): Promise<void> =>
    new Promise((resolve, reject) => {
      let sentMs = 0;
      let text = "";
      const send = (): void => {
        const request = requests[next];
        next += 1;
        sentMs = performance.now();
        if (request === undefined) resolve();
        else socket.write(request);
      };
      socket.on("data", (chunk: string) => {
        text += chunk;
        const ended = endOfAnswer(text);
        if (ended === undefined) return;
        if (!text.startsWith("HTTP/1.1 200") || Number.isNaN(ended)) {
          return reject(new Error(`an answer was ${text.slice(0, 400)}`));
        }
        text = text.slice(ended);
        latenciesMs.push(performance.now() - sentMs);
        send();
      });
      socket.once("error", reject);
      socket.once("close", () => reject(new Error("a connection was closed")));
      send();
    });
  try {
    await Promise.all(sockets.map(drive));
    return { tookMs: performance.now() - startedMs, latenciesMs };
  } finally {
    for (const socket of sockets) socket.destroy();
  }
}

function opened(host: string, port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, noDelay: true }, () => resolve(socket));
    socket.setEncoding("latin1");
    socket.once("error", reject);
  });
}

/** Where the first answer ends; undefined: not yet; NaN: it does not say. */
function endOfAnswer(text: string): number | undefined {
  const head = text.indexOf("\r\n\r\n");
  if (head < 0) return undefined;
  const length = /\r\ncontent-length: (\d+)/i.exec(text.slice(0, head + 2))?.[1];
  if (length === undefined) return Number.NaN;
  const end = head + 4 + Number(length);
  return text.length >= end ? end : undefined;
}
