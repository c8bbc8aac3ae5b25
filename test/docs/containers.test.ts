// Dockerfile and docker-compose.yml as far as they can be held to the tree without a container engine: commands, options and
// files that exist. What runs in them is test/containers/official-image.test.ts's matter.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { NAMED_OPTIONS } from "../../config/options.ts";

const ROOT = new URL("../..", import.meta.url).pathname;
const read = (file: string): string => readFileSync(join(ROOT, file), "utf8");

interface Service {
  readonly build?: string;
  readonly command: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly ports?: readonly string[];
  readonly volumes?: readonly string[];
}

const { services } = parse(read("docker-compose.yml"), { merge: true }) as { services: Record<string, Service> };
const ours = Object.entries(services).filter(([, { build }]) => build !== undefined);

test("our services run a process that there is, with options that there are", () => {
  expect(ours.map(([name]) => name).sort()).toEqual(["api", "worker"]);
  const variables = NAMED_OPTIONS.flatMap(({ env }) => env);
  for (const [name, { command, environment = {} }] of ours) {
    expect(existsSync(join(ROOT, "cmd", `${command[0]}.ts`)), name).toBe(true);
    expect(Object.keys(environment).filter((variable) => !variables.includes(variable))).toEqual([]);
    expect(environment.NATS_URL).toBe("nats://nats:4222");
  }
});

test("who listens inside is published on the host's loopback, and nowhere else", () => {
  for (const [name, { ports = [], environment }] of Object.entries(services)) {
    const inside = name === "nats" ? ["4222"] : environment?.ROLLCALL_HTTP_HOST === undefined ? [] : ["8080"];
    expect(ports).toEqual(inside.map((port) => `127.0.0.1:${port}:${port}`));
  }
});

test("what is mounted and copied is there", () => {
  const mounted = (services.nats?.volumes ?? []).map((volume) => volume.split(":")[0]!);
  expect(mounted.filter((path) => path.startsWith(".") && !existsSync(join(ROOT, path)))).toEqual([]);
  const made = ["node_modules", "dist"];
  const copied = [...read("Dockerfile").matchAll(/^COPY (?:--from=build )?(.+) \S+$/gm)].flatMap(([, sources]) =>
    sources!.split(" ").map((source) => source.replace("/app/", "")),
  );
  expect(copied.length).toBeGreaterThan(5);
  expect(copied.filter((path) => !made.includes(path) && !existsSync(join(ROOT, path)))).toEqual([]);
});

test("the image's program is the one that package.json names", () => {
  const { bin } = JSON.parse(read("package.json")) as { bin: { rollcall: string } };
  expect(read("Dockerfile")).toContain(`ENTRYPOINT ["node", "${bin.rollcall}"]`);
});
