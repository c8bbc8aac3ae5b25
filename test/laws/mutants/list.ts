// Faults of the engine, planted one at a time: the property test is worth what it finds. Grouped as the files of the engine.
import type { Mutant } from "../../support/mutants/mutant.ts";

const ENGINE = "lib/core/engine";

export const MUTANTS: readonly Mutant[] = [
  // ── windows ───────────────────────────────────────────────────────────────────────────────────────────────────────
  {
    name: "tile-too-early",
    bug: "an occurrence turns old at the beginning of its tile",
    file: `${ENGINE}/windows.js`,
    find: "return Math.floor(at / tile) * tile + tile + duration;",
    replace: "return Math.floor(at / tile) * tile + duration;",
  },
  {
    name: "tile-too-wide",
    bug: "windows of an hour have tiles of a minute",
    file: `${ENGINE}/windows.js`,
    find: "if (duration <= 3_600_000)",
    replace: "if (duration < 3_600_000)",
  },
  {
    name: "turned-too-late",
    bug: "at the very instant, an occurrence has not turned old",
    file: `${ENGINE}/windows.js`,
    find: "return at <= now && now < (tiled ? turnsOld(at, window.ms) : at + window.ms);",
    replace: "return at <= now && now <= (tiled ? turnsOld(at, window.ms) : at + window.ms);",
  },
  {
    name: "next-excludes-its-end",
    bug: "a date exactly at the end of next is out",
    file: `${ENGINE}/windows.js`,
    find: "return now < at && at <= now + window.ms;",
    replace: "return now < at && at < now + window.ms;",
  },
  {
    name: "weeks-from-sunday",
    bug: "a calendar window of weeks is a day off",
    file: `${ENGINE}/windows.js`,
    find: "return [firstDayOfWeek(last - n + 1), firstDayOfWeek(last + 1) - 1];",
    replace: "return [firstDayOfWeek(last - n + 1) - 1, firstDayOfWeek(last + 1) - 2];",
  },
  {
    name: "midnight-forgotten",
    bug: "a day that ends has no deadline",
    file: `${ENGINE}/windows.js`,
    find: "candidates.push(zone.dayStart(first), zone.dayStart(after));",
    replace: "candidates.push(zone.dayStart(first));",
  },
  {
    name: "dst-ignored",
    bug: "the local day is that of an offset that never changes",
    file: `${ENGINE}/zones.js`,
    find: "let day = Math.floor((at + this.offsetAt(at)) / DAY);",
    replace: "let day = Math.floor((at + this.offsetAt(0)) / DAY);",
  },
  // ── indexes ───────────────────────────────────────────────────────────────────────────────────────────────────────
  {
    name: "gte-passed-beyond",
    bug: "the index of a number takes gte for gt",
    file: `${ENGINE}/numeric-index.js`,
    find: "if (value > at || (value === at && this.#side[middle] === 0))",
    replace: "if (value > at)",
  },
  {
    name: "average-divided-wrong",
    bug: "an average is compared with the bound times one more",
    file: `${ENGINE}/numeric-index.js`,
    find: "const product = bound * count;",
    replace: "const product = bound * (count + 1);",
  },
  {
    name: "xor-one-sided",
    bug: "a value that goes away touches nobody who named it",
    file: `${ENGINE}/value-index.js`,
    find: "for (const found of [from, to]) {",
    replace: "for (const found of [to]) {",
  },
  {
    name: "exists-not-touched",
    bug: "a value that comes or goes touches no test of exists",
    file: `${ENGINE}/value-index.js`,
    find: "if ((from === undefined) !== (to === undefined))",
    replace: "if (false)",
  },
  // ── counters ──────────────────────────────────────────────────────────────────────────────────────────────────────
  {
    name: "late-in-the-newest-tile",
    bug: "a late event is put into the newest cell",
    file: `${ENGINE}/counters.js`,
    find: "while (index >= 0 && keys[index] > key)",
    replace: "while (index > 0 && keys[index] > key && false)",
  },
  {
    name: "old-cell-kept",
    bug: "a running total is not lowered by the tile that turns old",
    file: `${ENGINE}/counters.js`,
    find: "state.a -= state.as[gone];",
    replace: "",
  },
  {
    name: "matured-lost",
    bug: "what entered a window that it never leaves is dropped",
    file: `${ENGINE}/counters.js`,
    find: "foldCell(shape, state, gone);",
    replace: "",
  },
  {
    name: "counter-timer-forgotten",
    bug: "a counter has no deadline once it was refreshed",
    file: `${ENGINE}/evaluation.js`,
    find: "state.due = nextCrossing(shape, state, this.#reachOf(bounds, to));",
    replace: "state.due = Number.POSITIVE_INFINITY;",
  },
  {
    name: "timer-lost-on-eviction",
    bug: "a page that leaves memory forgets the deadlines of its people",
    file: `${ENGINE}/pages.js`,
    find: "const { no, depth, bits, due, places } = page;",
    replace: "const { no, depth, bits, places } = page; const due = Number.POSITIVE_INFINITY;",
  },
  {
    name: "cooldown-not-kept",
    bug: "whoever comes back does not wait for the end of cooldown",
    file: `${ENGINE}/evaluation.js`,
    find: "const until = membership.since + (isIn ? stayMs : cooldownMs);",
    replace: "const until = membership.since + (isIn ? stayMs : 0);",
  },
  {
    name: "nesting-one-step-late",
    bug: "a segment that nests another is not looked at when that one flips",
    file: `${ENGINE}/evaluation.js`,
    find: "for (const leaf of this.#plan.segmentLeaves.get(segment.id) ?? [])",
    replace: "for (const leaf of [])",
  },
  // ── orders, carts, visits ─────────────────────────────────────────────────────────────────────────────────────────
  {
    name: "refund-never-whole",
    bug: "an order refunded to nothing still counts",
    file: `${ENGINE}/commerce.js`,
    find: "gone: rest === 0",
    replace: "gone: false",
  },
  {
    name: "removed-goes-below",
    bug: "a cart line with no pieces left stays",
    file: `${ENGINE}/commerce.js`,
    find: ".filter((line) => line.quantity > 0);",
    replace: ".filter((line) => line.quantity >= 0);",
  },
];
