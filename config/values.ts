// The kinds of value an option can have: how each is read from text or YAML, checked, and shown. options.ts lists them.

export interface Option<T> {
  readonly default: T;
  /** Environment variables, the first that is set counts. Empty: derived from the option's name. */
  readonly env: readonly string[];
  /** What a plain number means, or the form of the text; for the reference table. */
  readonly unit: string;
  readonly why: string;
  readonly secret: boolean;
  /** Throws a sentence that names neither option nor place; load.ts puts them in front. */
  read(value: unknown): T;
  show(value: T): string;
}

interface Common {
  readonly why: string;
  readonly env?: readonly string[];
}

const DURATION_UNITS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 } as const;
const BYTE_UNITS = { B: 1, KB: 1024, MB: 1024 ** 2, GB: 1024 ** 3 } as const;

export function count(given: Common & { default: number; min?: number; max?: number; unit?: string }): Option<number> {
  const { min = 0, max = Number.MAX_SAFE_INTEGER } = given;
  return {
    ...common(given),
    unit: given.unit ?? "number",
    read: (value) => {
      const number = typeof value === "string" && /^-?\d+$/.test(value.trim()) ? Number(value) : value;
      if (typeof number !== "number" || !Number.isSafeInteger(number)) throw expected("a whole number", value);
      return within(number, min, max, String);
    },
    show: String,
  };
}

/** In milliseconds inside, with a unit outside. */
export function duration(given: Common & { default: number; min?: number; max?: number }): Option<number> {
  const { min = 0, max = Number.MAX_SAFE_INTEGER } = given;
  return {
    ...common(given),
    unit: "duration",
    read: (value) =>
      within(scaled(value, DURATION_UNITS, "a duration such as 250ms, 10s, 5m, 2h or 30d"), min, max, showDuration),
    show: showDuration,
  };
}

export function bytes(given: Common & { default: number; min?: number; max?: number }): Option<number> {
  const { min = 0, max = Number.MAX_SAFE_INTEGER } = given;
  return {
    ...common(given),
    unit: "bytes",
    read: (value) => {
      const whole = scaled(value, BYTE_UNITS, "a size such as 64KB, 256MB or a number of bytes", "B");
      return within(Math.round(whole), min, max, showBytes);
    },
    show: showBytes,
  };
}

export function toggle(given: Common & { default: boolean }): Option<boolean> {
  return {
    ...common(given),
    unit: "true or false",
    read: (value) => {
      if (typeof value === "boolean") return value;
      if (value === "true" || value === "1") return true;
      if (value === "false" || value === "0") return false;
      throw expected("true or false", value);
    },
    show: String,
  };
}

export function choice<const T extends string>(given: Common & { default: T; of: readonly T[] }): Option<T> {
  return {
    ...common(given),
    unit: given.of.join(", "),
    read: (value) => {
      const found = given.of.find((text) => text === value);
      if (found === undefined) throw expected(`one of ${given.of.join(", ")}`, value);
      return found;
    },
    show: (value) => value,
  };
}

export function text(
  given: Common & { default: string; secret?: boolean; unit?: string; check?: (value: string) => string | undefined },
): Option<string> {
  return {
    ...common(given),
    unit: given.unit ?? "text",
    secret: given.secret ?? false,
    read: (value) => {
      if (typeof value !== "string") throw expected("text", value);
      const problem = given.check?.(value);
      if (problem !== undefined) throw new RangeError(problem);
      return value;
    },
    show: (value) => (value === "" ? "(none)" : value),
  };
}

function common<T>(given: Common & { default: T }): Pick<Option<T>, "default" | "why" | "env" | "secret"> {
  return { default: given.default, why: given.why, env: given.env ?? [], secret: false };
}

/** "0" needs no unit; any other duration does, since nobody remembers which one is meant. */
function scaled(value: unknown, units: Readonly<Record<string, number>>, what: string, plain = ""): number {
  if (value === 0 || value === "0") return 0;
  if (typeof value === "number" && plain !== "") return value;
  const found = typeof value === "string" ? /^(\d+(?:\.\d+)?)\s*([A-Za-z]*)$/.exec(value.trim()) : null;
  const unit = units[found?.[2] === "" ? plain : (found?.[2] ?? "")];
  if (found === null || unit === undefined) throw expected(what, value);
  return Number(found[1]) * unit;
}

function within(value: number, min: number, max: number, show: (value: number) => string): number {
  if (value < min) throw new RangeError(`must be at least ${show(min)}, not ${show(value)}`);
  if (value > max) throw new RangeError(`must be at most ${show(max)}, not ${show(value)}`);
  return value;
}

function expected(what: string, value: unknown): RangeError {
  return new RangeError(`expected ${what}, not ${JSON.stringify(value) ?? String(value)}`);
}

function showDuration(ms: number): string {
  return showScaled(ms, DURATION_UNITS, "ms");
}

function showBytes(size: number): string {
  return showScaled(size, BYTE_UNITS, "B");
}

/** In the largest unit that leaves a whole number. Weeks are shown as days. */
function showScaled(value: number, units: Readonly<Record<string, number>>, smallest: string): string {
  if (value === 0) return "0";
  const fitting = Object.entries(units).findLast(([name, size]) => name !== "w" && value % size === 0 && value >= size);
  const [name, size] = fitting ?? [smallest, 1];
  return `${value / size}${name}`;
}
