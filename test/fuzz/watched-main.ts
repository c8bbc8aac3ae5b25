// `node watched-main.js api|worker`: the process as the command line starts it, which tells beside its work how much memory it
// holds (on SIGUSR2, after a collection) and when a single turn of its loop took long. Started by rig.ts.
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { runApiProcess } from "../../cmd/api.ts";
import { runWorkerProcess } from "../../cmd/worker.ts";
import { loadConfig } from "../../config/load.ts";

const TICK_MS = 50;
const TOLD_MS_MIN = 250;
const US_PER_MS = 1_000;

/** How long nothing else got its turn; of that, `cpuMs` is what this process worked, and the rest what others took from it. */
function watchTurns(): void {
  let beforeMs = performance.now();
  let cpu = process.cpuUsage();
  setInterval(() => {
    const tookMs = performance.now() - beforeMs - TICK_MS;
    const used = process.cpuUsage(cpu);
    if (tookMs > TOLD_MS_MIN) told("turn", { ms: tookMs, cpuMs: (used.user + used.system) / US_PER_MS });
    beforeMs = performance.now();
    cpu = process.cpuUsage();
  }, TICK_MS).unref();
}

function tellMemory(): void {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  process.on("SIGUSR2", () => {
    collect();
    const { rss, heapUsed, external } = process.memoryUsage();
    told("memory", { rss, heapUsed, external });
  });
}

function told(what: string, figures: object): void {
  process.stdout.write(`${what} ${JSON.stringify(figures)}\n`);
}

watchTurns();
tellMemory();
const { config } = loadConfig();
const isApi = process.argv[2] === "api";
process.exitCode = await (isApi ? runApiProcess(config) : runWorkerProcess(config));
process.exit();
