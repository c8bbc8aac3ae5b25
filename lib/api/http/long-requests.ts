// The few requests that may take longer to arrive than others: a file that is sent to be imported. Their routes look after them
// by themselves; client-errors.ts asks here before it ends one that takes long.
import type { Socket } from "node:net";
import type { FastifyRequest } from "fastify";

const LONG = new WeakSet<Socket>();

export function takesLong({ raw }: Pick<FastifyRequest, "raw">): void {
  const { socket } = raw;
  LONG.add(socket);
  raw.once("close", () => LONG.delete(socket));
}

export function isLong(socket: Socket): boolean {
  return LONG.has(socket);
}
