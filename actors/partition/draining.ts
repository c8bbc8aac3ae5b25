// Last of four phases. Before: running.ts.
// Pull no more, speak to the end, remember, let go. Whatever is not reached the next owner finds out for itself.
import type { Running } from "./running.ts";

/** Returns true when the partition was released, false when it was only left. Throws what stops it. */
export async function drain(running: Running): Promise<boolean> {
  // A replay that is not through knows less than what was said; a release would hide the rest from the next owner.
  if (running.speaker.replaying) return false;
  const { speaker, checkpointer } = running;
  const position = running.position.seq;
  await attended(running, running.untilSaid(position));
  await encodeAll(running);
  if (checkpointer.position < position) {
    running.takeCheckpoint();
    await encodeAll(running);
  }
  await attended(running, speaker.release());
  running.throwFault();
  return true;
}

/** Finishes the picture under way, if there is one. */
async function encodeAll(running: Running): Promise<void> {
  while (running.checkpointer.work()) running.throwFault();
  await attended(running, running.checkpointer.finished());
}

/** Waits for something that never comes when the partition fails meanwhile. */
async function attended(running: Running, work: Promise<void>): Promise<void> {
  let over = false;
  const watched = work.finally(() => {
    over = true;
    running.wake();
  });
  watched.catch(() => undefined);
  while (!over) {
    running.throwFault();
    await running.nextWake();
  }
  await watched;
}
