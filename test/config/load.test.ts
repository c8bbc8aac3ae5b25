// Options: the order flag, variable, file, default; every value checked, and every refusal names its place.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Command } from "commander";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { addFlags, overridesOf } from "../../config/flags.ts";
import { ConfigError, loadConfig, nearest } from "../../config/load.ts";
import { dataSetOf, LIMIT_OPTIONS, NAMED_OPTIONS, natsSettingsOf, OPTIONS } from "../../config/options.ts";
import { describeConfig, optionsTable } from "../../config/show.ts";
import { DEFAULT_LIMITS } from "../../lib/core/types.ts";

let cwd: string;
beforeAll(async () => {
  cwd = await mkdtemp(join(tmpdir(), "rollcall-config-"));
});
afterAll(() => rm(cwd, { recursive: true, force: true }));

async function withFile(text: string, overrides = {}, env = {}): Promise<ReturnType<typeof loadConfig>> {
  await writeFile(join(cwd, "options.yaml"), text);
  return loadConfig({ config: "options.yaml", ...overrides }, env, cwd);
}

describe("load order", () => {
  test("defaults, without any file", () => {
    const { config, origins, warnings } = loadConfig({}, {}, cwd);
    expect(config).toMatchObject({
      partitions: 32,
      httpPort: 8080,
      natsPort: 4222,
      demo: true,
      clock: "log",
      name: "",
    });
    expect(config).toMatchObject({ clockStepMsMax: 30 * 86_400_000, pageBytesMax: 65_536, logPersonalData: false });
    expect(config.limits).toEqual(DEFAULT_LIMITS);
    expect(config.dataDir).toBe(join(cwd, ".rollcall"));
    expect(new Set(origins.values())).toEqual(new Set(["default"]));
    expect(warnings).toEqual([]);
  });

  test("a flag over a variable over the file over the default, and each says where it is from", async () => {
    const file = "partitions: 8\nhttpPort: 1\nnatsPort: 2\nlimits:\n  traitsMax: 5\n";
    const env = { ROLLCALL_HTTP_PORT: "11", ROLLCALL_NATS_PORT: "12" };
    const { config, origins } = await withFile(file, { natsPort: "22" }, env);
    expect(config).toMatchObject({
      partitions: 8,
      httpPort: 11,
      natsPort: 22,
      limits: { traitsMax: 5, jsonDepthMax: 32 },
    });
    expect(origins.get("partitions")).toBe("options.yaml:1:1");
    expect(origins.get("httpPort")).toBe("ROLLCALL_HTTP_PORT");
    expect(origins.get("natsPort")).toBe("--nats-port");
    expect(origins.get("limits.traitsMax")).toBe("options.yaml:5:3");
    expect(origins.get("shards")).toBe("default");
  });

  test("an empty variable is not set; the first of several names counts", () => {
    expect(loadConfig({}, { ROLLCALL_HTTP_PORT: "" }, cwd).config.httpPort).toBe(8080);
    const both = { ROLLCALL_LOG_LEVEL: "debug", LOG_LEVEL: "error" };
    expect(loadConfig({}, both, cwd).config.logLevel).toBe("debug");
    expect(loadConfig({}, { LOG_LEVEL: "error" }, cwd).config.logLevel).toBe("error");
  });

  test("of flags only what was typed counts", () => {
    const parse = (...typed: string[]): unknown => {
      const command = addFlags(new Command(), ["demo", "httpPort", "syncAlways", "eventsMaxAge", "limits.traitsMax"]);
      command.parse(typed, { from: "user" });
      return overridesOf(command);
    };
    expect(parse()).toEqual({});
    expect(parse("--no-demo", "--http-port", "9")).toEqual({ demo: false, httpPort: "9" });
    expect(parse("--sync-always", "--events-max-age", "7d")).toEqual({ syncAlways: true, eventsMaxAge: "7d" });
    expect(parse("--limits-traits-max", "3", "--config", "a.yaml")).toEqual({
      "limits.traitsMax": "3",
      config: "a.yaml",
    });
  });
});

describe("values", () => {
  test.each([
    ["ROLLCALL_EVENTS_MAX_AGE", "90d", "eventsMaxAgeMs", 90 * 86_400_000],
    ["ROLLCALL_EVENTS_MAX_AGE", "0", "eventsMaxAgeMs", 0],
    ["ROLLCALL_CHECKPOINT_SLICE_MAX", "1.5ms", "checkpointSliceMsMax", 1.5],
    ["ROLLCALL_PAGE_CACHE_BYTES", "1.5GB", "pageCacheBytes", 1.5 * 1024 ** 3],
    ["ROLLCALL_PAGE_CACHE_BYTES", "1000", "pageCacheBytes", 1000],
    ["ROLLCALL_DEMO", "false", "demo", false],
    ["ROLLCALL_CLOCK", "event", "clock", "event"],
    ["ROLLCALL_NAME", "shop", "name", "shop"],
    ["ROLLCALL_NATS_SERVER", "/opt/nats-server", "natsServer", "/opt/nats-server"],
  ])("%s=%s", (variable, value, key, expected) => {
    expect(loadConfig({}, { [variable]: value }, cwd).config).toMatchObject({ [key]: expected });
  });

  test.each([
    ["ROLLCALL_HTTP_PORT", "eighty", 'ROLLCALL_HTTP_PORT: expected a whole number, not "eighty"'],
    ["ROLLCALL_HTTP_PORT", "65536", "ROLLCALL_HTTP_PORT: must be at most 65535, not 65536"],
    ["ROLLCALL_PARTITIONS", "0", "ROLLCALL_PARTITIONS: must be at least 1, not 0"],
    ["ROLLCALL_PARTITIONS", "1e2", 'ROLLCALL_PARTITIONS: expected a whole number, not "1e2"'],
    [
      "ROLLCALL_EVENTS_MAX_AGE",
      "90",
      'ROLLCALL_EVENTS_MAX_AGE: expected a duration such as 250ms, 10s, 5m, 2h or 30d, not "90"',
    ],
    [
      "ROLLCALL_EVENTS_MAX_AGE",
      "-1d",
      'ROLLCALL_EVENTS_MAX_AGE: expected a duration such as 250ms, 10s, 5m, 2h or 30d, not "-1d"',
    ],
    ["ROLLCALL_REPEATS_KNOWN", "1m", "ROLLCALL_REPEATS_KNOWN: must be at least 2m, not 1m"],
    ["ROLLCALL_EVENTS_MAX_AGE", "1m", "eventsMaxAge (ROLLCALL_EVENTS_MAX_AGE) must be at least repeatsKnown (default)"],
    ["ROLLCALL_PAGE_BYTES_MAX", "1KB", "ROLLCALL_PAGE_BYTES_MAX: must be at least 4KB, not 1KB"],
    ["ROLLCALL_DEMO", "no", 'ROLLCALL_DEMO: expected true or false, not "no"'],
    ["ROLLCALL_CLOCK", "wall", 'ROLLCALL_CLOCK: expected one of log, event, not "wall"'],
    ["ROLLCALL_NAME", "a.b", 'ROLLCALL_NAME: name: "a.b" cannot prefix streams'],
    [
      "ROLLCALL_HEARTBEAT_INTERVAL",
      "1500ms",
      "heartbeatExpiry (default) must be at least twice heartbeatInterval (ROLLCALL_HEARTBEAT_INTERVAL)",
    ],
    ["ROLLCALL_HTTP_PORT", "4222", "httpPort (ROLLCALL_HTTP_PORT) and natsPort (default) are both 4222"],
    ["ROLLCALL_CONFIG", "none.yaml", "none.yaml cannot be read (ENOENT)"],
  ])("%s=%s is refused", (variable, value, message) => {
    expect(() => loadConfig({}, { [variable]: value }, cwd)).toThrow(message);
    expect(() => loadConfig({}, { [variable]: value }, cwd)).toThrow(ConfigError);
  });

  test("a variable that is nearly ours is a warning with the likely name", () => {
    expect(loadConfig({}, { ROLLCALL_PARTITION: "4", ROLLCALLED: "1" }, cwd).warnings).toEqual([
      "ROLLCALL_PARTITION is set, but there is no such variable; did you mean ROLLCALL_PARTITIONS?",
    ]);
  });
});

describe("the file", () => {
  test.each([
    ["partitions: 8\nhttpPrt: 1\n", "options.yaml:2:1: there is no option httpPrt; did you mean httpPort?"],
    ["limits:\n  trait: 5\n", "options.yaml:2:3: there is no option limits.trait; did you mean limits.traitsMax?"],
    ["zzzzzzzzzz: 1\n", "options.yaml:1:1: there is no option zzzzzzzzzz"],
    ["demo: true\npartitions: many\n", 'options.yaml:2:1 partitions: expected a whole number, not "many"'],
    ["eventsMaxAge: 90\n", "options.yaml:1:1 eventsMaxAge: expected a duration such as"],
    ["name: [a]\n", "options.yaml:1:1 name: expected text"],
    ["- 1\n", "options.yaml:1:1: expected options as"],
    ["demo: true\n  x: :\n", "options.yaml:1:7: Nested mappings are not allowed in compact mappings"],
    ["demo: true\ndemo: false\n", "options.yaml:2:1: Map keys must be unique"],
  ])("%j is refused with its place", async (text, message) => {
    await expect(withFile(text)).rejects.toThrow(message);
    await expect(withFile(text)).rejects.toThrow(ConfigError);
  });

  test("may be empty, and true is true", async () => {
    expect((await withFile("")).config.demo).toBe(true);
    expect((await withFile("demo: false\n# all else by default\n")).config.demo).toBe(false);
  });

  test("a far name gets no hint", () => {
    expect(nearest("weather", ["partitions", "httpPort"])).toBeUndefined();
  });
});

test("a flag's help shows its choices so that they can be copied", () => {
  const help = addFlags(new Command("rollcall"), ["clock", "logLevel", "demo"]).helpInformation();
  expect(help).toContain("--clock <log|event>");
  expect(help).toContain("--log-level <fatal|error|warn|info|debug|trace|silent>");
  expect(help).toContain("--no-demo");
});

describe("what is printed", () => {
  const secrets = {
    NATS_PASSWORD: "hush",
    NATS_TOKEN: "tick",
    NATS_URL: "nats://ann:pw@a:1,nats://tok@b:2,nats://c:3",
  };

  test("values with their origins, and no secret", () => {
    const printed = describeConfig(loadConfig({}, { ...secrets, NATS_USER: "ann" }, cwd));
    expect(printed).toMatch(/^clockStepMax +30d +default$/m);
    expect(printed).toMatch(/^natsPassword +\*{8} +NATS_PASSWORD$/m);
    expect(printed).toMatch(/^natsToken +\*{8} +NATS_TOKEN$/m);
    expect(printed).toContain("nats://********@a:1,nats://********@b:2,nats://c:3");
    expect(printed).toMatch(/^natsUser +ann +NATS_USER$/m);
    expect(printed).toMatch(/^limits\.windowMax +1096d +default$/m);
    for (const secret of ["hush", "tick", "pw", "tok@"]) expect(printed).not.toContain(secret);
    expect(printed.trimEnd().split("\n")).toHaveLength(NAMED_OPTIONS.length);
  });

  test("the table of the docs has every option once", () => {
    const rows = optionsTable().split("\n").slice(2, -1);
    expect(rows).toHaveLength(Object.keys(OPTIONS).length + Object.keys(LIMIT_OPTIONS).length);
    expect(optionsTable()).toContain("| `eventsMaxAge` | `ROLLCALL_EVENTS_MAX_AGE` | `0` | duration |");
  });

  test("every default is a value that its own option accepts, as it is shown", () => {
    for (const { name, option } of NAMED_OPTIONS) {
      const shown = option.show(option.default);
      expect(option.read(shown === "(none)" ? "" : shown), name).toBe(option.default);
    }
  });

  test("no two options share a name, a flag or a variable", () => {
    for (const names of [
      NAMED_OPTIONS.map(({ name }) => name),
      NAMED_OPTIONS.map(({ flag }) => flag),
      NAMED_OPTIONS.flatMap(({ env }) => env),
    ]) {
      expect(new Set(names).size).toBe(names.length);
    }
  });
});

test("what connect and provision are given", () => {
  const env = { ROLLCALL_NATS_PORT: "5000", NATS_CREDS: "/c", ROLLCALL_NAME: "shop", ROLLCALL_EVENTS_MAX_AGE: "1d" };
  const { config } = loadConfig({}, env, cwd);
  expect(natsSettingsOf(config)).toMatchObject({ url: "nats://127.0.0.1:5000", creds: "/c", user: undefined });
  expect(natsSettingsOf(loadConfig({}, { NATS_URL: "nats://h:1" }, cwd).config).url).toBe("nats://h:1");
  expect(dataSetOf(config)).toEqual({
    name: "shop",
    partitions: 32,
    replicas: 1,
    clock: "log",
    eventsMaxAgeMs: 86_400_000,
    rejectsMaxAgeMs: 30 * 86_400_000,
    repeatsKnownMs: 120_000,
  });
});
