// Finds the value of every option: a flag, else a variable, else the file rollcall.yaml, else the default; and remembers
// which it was. Processes under cmd/ call this once, first thing.
import { readFileSync } from "node:fs";
import { relative, resolve } from "node:path";
import { isMap, isScalar, LineCounter, parseDocument, type YAMLMap } from "yaml";
import { type Config, NAMED_OPTIONS, type NamedOption } from "./options.ts";

const FILE = "rollcall.yaml";
const FILE_VARIABLE = "ROLLCALL_CONFIG";

/** Where a value comes from, in words: `default`, `--http-port`, `ROLLCALL_HTTP_PORT`, `rollcall.yaml:3:1`. */
export type Origin = string;

export interface Loaded {
  readonly config: Config;
  /** By the option's outside name, such as `httpPort` or `limits.eventBytesMax`. */
  readonly origins: ReadonlyMap<string, Origin>;
  /** Variables that look like ours and are not. */
  readonly warnings: readonly string[];
}

/** Flags as a parser gives them, by outside name; `config` names another file. */
export type Overrides = Readonly<Record<string, unknown>>;

export class ConfigError extends Error {
  override readonly name = "ConfigError";
}

export function loadConfig(
  overrides: Overrides = {},
  env: NodeJS.ProcessEnv = process.env,
  cwd: string = process.cwd(),
): Loaded {
  const file = readFile(overrides, env, cwd);
  const flat: Record<string, unknown> = {};
  const limits: Record<string, unknown> = {};
  const origins = new Map<string, Origin>();
  for (const named of NAMED_OPTIONS) {
    const { value, origin } = pick(named, overrides, env, file);
    (named.inLimits ? limits : flat)[named.key] = value;
    origins.set(named.name, origin);
  }
  const config = { ...flat, limits } as unknown as Config;
  const dataDir = resolve(cwd, config.dataDir);
  assertTogether(config, origins);
  return { config: { ...config, dataDir }, origins, warnings: unknownVariables(env) };
}

function pick(
  { name, flag, env: variables, option }: NamedOption,
  overrides: Overrides,
  env: NodeJS.ProcessEnv,
  file: ReadonlyMap<string, FileValue>,
): { value: unknown; origin: Origin } {
  const given = overrides[name];
  if (given !== undefined) return { value: readAt(flag, () => option.read(given)), origin: flag };
  // An empty variable is how a shell or a compose file says "not set".
  const variable = variables.find((candidate) => (env[candidate] ?? "") !== "");
  if (variable !== undefined) return { value: readAt(variable, () => option.read(env[variable])), origin: variable };
  const inFile = file.get(name);
  if (inFile === undefined) return { value: option.default, origin: "default" };
  return { value: readAt(`${inFile.where} ${name}`, () => option.read(inFile.value)), origin: inFile.where };
}

function readAt<T>(place: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw new ConfigError(`${place}: ${(error as Error).message}`);
  }
}

/** What no option can check alone. */
function assertTogether(config: Config, origins: ReadonlyMap<string, Origin>): void {
  if (config.heartbeatExpiryMs < 2 * config.heartbeatIntervalMs) {
    throw new ConfigError(
      `heartbeatExpiry (${origins.get("heartbeatExpiry")}) must be at least twice heartbeatInterval ` +
        `(${origins.get("heartbeatInterval")}), or one lost heartbeat costs a worker its partitions`,
    );
  }
  if (config.eventsMaxAgeMs !== 0 && config.eventsMaxAgeMs < config.repeatsKnownMs) {
    throw new ConfigError(
      `eventsMaxAge (${origins.get("eventsMaxAge")}) must be at least repeatsKnown (${origins.get("repeatsKnown")}): ` +
        "no log knows repeats of what it holds no more",
    );
  }
  if (config.httpPort !== 0 && config.httpPort === config.natsPort) {
    throw new ConfigError(
      `httpPort (${origins.get("httpPort")}) and natsPort (${origins.get("natsPort")}) are both ${config.httpPort}; give one of them another port`,
    );
  }
}

interface FileValue {
  readonly value: unknown;
  readonly where: string;
}

function readFile(overrides: Overrides, env: NodeJS.ProcessEnv, cwd: string): ReadonlyMap<string, FileValue> {
  const named = (overrides.config as string | undefined) ?? (env[FILE_VARIABLE] || undefined);
  const path = resolve(cwd, named ?? FILE);
  const shown = relative(cwd, path) || path;
  let source: string;
  try {
    source = readFileSync(path, "utf8");
  } catch (error) {
    if (named === undefined && (error as NodeJS.ErrnoException).code === "ENOENT") return new Map();
    throw new ConfigError(
      `${shown} cannot be read (${(error as NodeJS.ErrnoException).code}); --config or ${FILE_VARIABLE} names it`,
    );
  }
  return parseFile(source, shown);
}

/** Values by outside name, each with its place; anything that is no option is an error with a hint. */
export function parseFile(source: string, file: string): ReadonlyMap<string, FileValue> {
  const lines = new LineCounter();
  const document = parseDocument(source, { lineCounter: lines, prettyErrors: false });
  const place = (offset: number): string => {
    const { line, col } = lines.linePos(offset);
    return `${file}:${line}:${col}`;
  };
  const broken = document.errors[0];
  if (broken !== undefined) throw new ConfigError(`${place(broken.pos[0])}: ${broken.message}`);
  const values = new Map<string, FileValue>();
  if (document.contents === null) return values;
  if (!isMap(document.contents)) throw new ConfigError(`${file}:1:1: expected options as \`name: value\``);
  collect(document.contents, "", place, values);
  return values;
}

function collect(map: YAMLMap, prefix: string, place: (offset: number) => string, into: Map<string, FileValue>): void {
  for (const { key, value } of map.items) {
    if (!isScalar(key)) throw new ConfigError(`${place(map.range?.[0] ?? 0)}: an option's name must be text`);
    const where = place(key.range?.[0] ?? 0);
    const name = `${prefix}${String(key.value)}`;
    if (name === "limits" && isMap(value)) {
      collect(value, "limits.", place, into);
      continue;
    }
    if (!NAMED_OPTIONS.some((option) => option.name === name)) throw new ConfigError(`${where}: ${unknownName(name)}`);
    into.set(name, { value: isScalar(value) ? value.value : value, where });
  }
}

function unknownName(name: string): string {
  const near = nearest(
    name,
    NAMED_OPTIONS.map((option) => option.name),
  );
  return `there is no option ${name}${near === undefined ? "" : `; did you mean ${near}?`}`;
}

function unknownVariables(env: NodeJS.ProcessEnv): string[] {
  const known = [...NAMED_OPTIONS.flatMap((option) => option.env), FILE_VARIABLE];
  const unknown = Object.keys(env).filter((variable) => variable.startsWith("ROLLCALL_") && !known.includes(variable));
  return unknown.map((variable) => {
    const near = nearest(variable, known);
    return `${variable} is set, but there is no such variable${near === undefined ? "" : `; did you mean ${near}?`}`;
  });
}

/** The closest name, when it is close enough to be a slip: a third of its letters. */
export function nearest(name: string, candidates: readonly string[]): string | undefined {
  let best: string | undefined;
  let bestDistance = Math.max(2, Math.ceil(name.length / 3)) + 1;
  for (const candidate of candidates) {
    const distance = editDistance(name.toLowerCase(), candidate.toLowerCase());
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance];
  }
  return best;
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, at) => at);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const swap = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(swap, row[j]! + 1, next[j - 1]! + 1));
    }
    row = next;
  }
  return row[b.length]!;
}
