// npm run bench [-- NAME … --quick --markdown --json FILE --SIZE N …]: every bench, or those named, each in a process of its own.
// Progress goes to stderr, the table to stdout. What the benches are and what they answer: `npm run bench -- --list`.
import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { cpus, tmpdir, totalmem } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { RELEASE_VERSION } from "../lib/server/fetch.ts";
import type { Finished } from "./support/cli.ts";
import { markdownOf, tableOf } from "./support/table.ts";

const BENCHES: Readonly<Record<string, string>> = {
  "end-to-end": "JSON in, deltas out, beside consumers that do nothing",
  segments: "100,000 segments against 1,000, equal flips",
  evaluate: "the step with the index against full re-evaluation, 100 to 100,000 segments",
  latency: "published → delta received, beside a relay",
  checkpoint: "throughput with checkpoints, the pause they add, and the way back",
  memory: "bytes per resident actor against Map/Set objects",
  sync: "sync_interval: always against the default",
  "wake-ups": "wake-ups that flip nothing against all",
  decide: "200 decisions at once while events come in, beside a bare fastify route",
  accounts: "a flip of an account that concerns a hundred thousand users",
  ingest: "events by HTTP, beside a bare fastify route with an acknowledged publish",
  backfill: "a rule that asks history of five million events, while deltas flow",
};

interface Order {
  readonly names: readonly string[];
  readonly json: string | undefined;
  readonly markdown: boolean;
  /** Handed to every bench as they are. */
  readonly rest: readonly string[];
}

function readOrder(args: readonly string[]): Order {
  const firstFlag = args.findIndex((arg) => arg.startsWith("--"));
  const names = firstFlag < 0 ? args : args.slice(0, firstFlag);
  const flags = firstFlag < 0 ? [] : args.slice(firstFlag);
  const rest = flags.filter((flag) => flag !== "--markdown");
  const unknown = names.find((name) => !(name in BENCHES));
  if (unknown !== undefined) {
    throw new RangeError(`there is no bench "${unknown}"; there are ${Object.keys(BENCHES).join(", ")}`);
  }
  const at = rest.indexOf("--json");
  const json = at < 0 ? undefined : rest[at + 1];
  if (at >= 0 && (json === undefined || json.startsWith("--"))) throw new RangeError("--json needs the name of a file");
  return {
    names: names.length > 0 ? names : Object.keys(BENCHES),
    json,
    markdown: flags.includes("--markdown"),
    rest: at < 0 ? rest : [...rest.slice(0, at), ...rest.slice(at + 2)],
  };
}

async function runOne(name: string, rest: readonly string[], folder: string): Promise<Finished> {
  const json = join(folder, `${name}.json`);
  const file = fileURLToPath(new URL(`./${name}.bench.js`, import.meta.url));
  const child = spawn(process.execPath, ["--expose-gc", "--max-old-space-size=12288", file, ...rest, "--json", json], {
    stdio: ["ignore", "inherit", "inherit"],
  });
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once("exit", resolve);
    child.once("error", reject);
  });
  if (code !== 0) throw new Error(`the bench ${name} ended with code ${code}; its last words stand above`);
  return JSON.parse(await readFile(json, "utf8")) as Finished;
}

function machineText(): string {
  const [first] = cpus();
  const gigabytes = Math.round(totalmem() / 2 ** 30);
  return `${cpus().length} × ${first?.model ?? "processor"}, ${gigabytes} GiB, Node ${process.versions.node}, nats-server ${RELEASE_VERSION}`;
}

async function main(args: readonly string[]): Promise<void> {
  if (args.includes("--list")) {
    for (const [name, question] of Object.entries(BENCHES)) process.stdout.write(`${name.padEnd(12)} ${question}\n`);
    return;
  }
  const { names, json, markdown, rest } = readOrder(args);
  const folder = await mkdtemp(join(tmpdir(), "rollcall-bench-results-"));
  try {
    const results: Finished[] = [];
    for (const [index, name] of names.entries()) {
      process.stderr.write(`\n[${index + 1}/${names.length}] ${name}: ${BENCHES[name]}\n`);
      results.push(await runOne(name, rest, folder));
    }
    process.stdout.write(`\n${machineText()}\n${markdown ? markdownOf(results) : tableOf(results)}`);
    if (json !== undefined) await writeFile(json, `${JSON.stringify({ machine: machineText(), results }, null, 2)}\n`);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

await main(process.argv.slice(2)).catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});
