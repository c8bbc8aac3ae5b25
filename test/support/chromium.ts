// The Chromium that this machine has, for tests that need a page; they are skipped, and said so, where there is none.
// ROLLCALL_CHROMIUM names another one; Debian has it as the package `chromium`.
import { existsSync } from "node:fs";

const PLACES = [
  process.env.ROLLCALL_CHROMIUM ?? "",
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
];

/** Undefined: there is none. */
export function chromiumPath(): string | undefined {
  return PLACES.find((place) => place !== "" && existsSync(place));
}

/** It talks to the page's own servers and to nobody else, and runs where there is no sandbox to be had. */
export const CHROMIUM_FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];
