// Waits for a named condition, looking often; fails with the name when it does not come.

const LOOK_MS = 10;
/** Only so that nobody waits for ever: machines that test have other things to do, too. */
const GUARD_MS = 60_000;

export async function until(
  what: string,
  holds: () => boolean | Promise<boolean>,
  timeoutMs = GUARD_MS,
): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`waited ${timeoutMs} ms in vain for: ${what}`);
    await new Promise((resolve) => {
      setTimeout(resolve, LOOK_MS);
    });
  }
}
