// How many records may still be asked for: the bound on what waits at a reader and on what is on its way to it.
// Used by the log readers of both worlds, so that a simulated reader is as full as a real one.
import type { ReadOptions } from "./event-log.ts";

/**
 * No world can be asked for "so many bytes", so records on their way are counted at their largest. One is always asked for,
 * whatever its size: a log must not stop at a large record.
 */
export function logRoom(options: ReadOptions, waiting: number, waitingBytes: number): number {
  const { recordsMax, bytesMax, recordBytesMax } = options;
  const room = recordsMax - waiting;
  if (bytesMax === undefined || recordBytesMax === undefined) return room;
  const fitting = Math.floor((bytesMax - waitingBytes) / recordBytesMax);
  return Math.max(Math.min(room, fitting), waiting === 0 ? 1 : 0);
}
