// Which nats-server is taken, and which is passed over with a reason. The servers here only know how to say a version.
import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { fetchedBinary, findServer, UnusableServer } from "../../lib/server/find.ts";
import { isNewEnough, parseVersion } from "../../lib/server/version.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "rollcall-find-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function server(path: string, says: string): Promise<string> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, `#!/bin/sh\necho '${says}'\n`);
  await chmod(path, 0o755);
  return path;
}

describe("findServer", () => {
  test("takes the one on PATH when it is new enough", async () => {
    const binary = await server(join(folder, "bin", "nats-server"), "nats-server: v2.12.0");
    const { found } = await findServer(folder, { PATH: join(folder, "bin") });
    expect(found).toEqual({ binary, version: { major: 2, minor: 12, patch: 0 } });
  });

  test("passes over one that is too old, or that does not run, and takes the one fetched earlier", async () => {
    const old = await server(join(folder, "a", "nats-server"), "nats-server: v2.9.10");
    const odd = await server(join(folder, "b", "nats-server"), "hello");
    const fetched = await server(fetchedBinary(folder), "nats-server: v2.15.1");
    const { found, passedOver } = await findServer(folder, { PATH: `${join(folder, "a")}:${join(folder, "b")}` });
    expect(found?.binary).toBe(fetched);
    expect(passedOver).toEqual([
      `${old} is version 2.9.10, and 2.12.0 or newer is needed`,
      `${odd} is not a nats-server that runs here`,
    ]);
  });

  test("uses the one that is named, whatever is on PATH; or refuses it with the remedy", async () => {
    await server(join(folder, "bin", "nats-server"), "nats-server: v2.15.1");
    const named = await server(join(folder, "my-server"), "nats-server: v2.14.0");
    const env = { PATH: join(folder, "bin"), ROLLCALL_NATS_SERVER: named };
    expect((await findServer(folder, env)).found?.binary).toBe(named);
    await server(named, "nats-server: v2.11.9");
    await expect(findServer(folder, env)).rejects.toThrow(UnusableServer);
    await expect(findServer(folder, env)).rejects.toThrow(
      /ROLLCALL_NATS_SERVER names .*my-server, which is version 2\.11\.9.*2\.12\.0 or newer, or unset it/,
    );
    await expect(findServer(folder, {}, join(folder, "none"))).rejects.toThrow(/not a nats-server that runs here/);
  });
});

test.each([
  ["nats-server: v2.15.1", true],
  ["2.12.0", true],
  ["2.12.0-RC.1", true],
  ["2.15.1-1", true],
  ["nats-server: v2.11.99", false],
  ["2.9.10", false],
  ["1.99.0", false],
  ["v3.0.0", true],
])("%s is new enough: %s", (said, enough) => {
  const version = parseVersion(said);
  expect(version && isNewEnough(version)).toBe(enough);
});

test("what is no version", () => {
  expect(parseVersion("nats-server: unknown")).toBeUndefined();
});
