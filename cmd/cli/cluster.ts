// rollcall workers [drain | undrain] and partitions [move | return]: who holds what, how far behind, and what is wished.
// The answers are those of HTTP; lib/api/operations/operating.ts makes them.
import type { Command } from "commander";
import { HttpError } from "../../lib/api/http/http-error.ts";
import { Operating, type Operations, type PartitionView, type WorkerView } from "../../lib/api/operations/operating.ts";
import { CliError, EXIT } from "../../lib/cli/errors.ts";
import { bytes, count, counted, duration } from "../../lib/cli/numbers.ts";
import { plain } from "../../lib/cli/style.ts";
import { type Column, type Format, printRows } from "../../lib/cli/table.ts";
import { NatsCluster } from "../../lib/nats/cluster.ts";
import { type Context, connected } from "./context.ts";
import { note, print, withOutput } from "./output.ts";

/** So that a row fits in 80 columns; -o json has the whole name. */
const NAME_WIDTH_MAX = 22;

export function addCluster(program: Command): void {
  addWorkers(program);
  addPartitions(program);
}

function addWorkers(program: Command): void {
  const workers = withOutput(
    program.command("workers").description("who works: partitions, lag, memory, and who gives its partitions away"),
  ).action((options: { output: Format }, command: Command) =>
    connected(command, (context) => showWorkers(context, options.output)),
  );
  workers
    .command("drain")
    .description("let a worker give all its partitions to others, and take no more")
    .argument("<name>", "of a worker or one of its shards, or a part that only it has")
    .action((name: string, _options: unknown, command: Command) =>
      connected(command, (context) =>
        wished(context, "workers.drain", async (operating) => {
          const { id } = await named(operating, name);
          const drained = await operating.drain(id);
          return { target: id, text: `${id} gives ${counted(partitionsOf(drained), "partition")} away.` };
        }),
      ),
    );
  workers
    .command("undrain")
    .description("let it take its share again")
    .argument("<name>")
    .action((name: string, _options: unknown, command: Command) =>
      connected(command, (context) =>
        wished(context, "workers.undrain", async (operating) => {
          const { id } = await named(operating, name);
          await operating.drainNoMore(id);
          return { target: id, text: `${id} takes its share again.` };
        }),
      ),
    );
}

function addPartitions(program: Command): void {
  const partitions = withOutput(
    program.command("partitions").description("who owns each partition, how far behind it is, what is wrong"),
  ).action((options: { output: Format }, command: Command) =>
    connected(command, (context) => showPartitions(context, options.output)),
  );
  partitions
    .command("move")
    .description("wish a partition to a worker; it goes there once its owner has let go")
    .argument("<partition>")
    .argument("<name>", "of a worker's shard, or a part that only it has")
    .action((partition: string, name: string, _options: unknown, command: Command) =>
      connected(command, (context) =>
        wished(context, "partitions.move", async (operating) => {
          const { id } = await named(operating, name);
          const { owner } = await operating.move(Number(partition), id);
          const text =
            owner === id ? `${id} has it already.` : `${id} gets it once ${owner ?? "its owner"} has let go.`;
          return { target: partition, detail: { to: id }, text };
        }),
      ),
    );
  partitions
    .command("return")
    .description("take back where a partition was wished to")
    .argument("<partition>")
    .action((partition: string, _options: unknown, command: Command) =>
      connected(command, (context) =>
        wished(context, "partitions.return", async (operating) => {
          await operating.moveBack(Number(partition));
          return { target: partition, text: `Partition ${partition} goes where hashing says.` };
        }),
      ),
    );
}

interface Done {
  readonly target: string;
  readonly detail?: { readonly to: string };
  readonly text: string;
}

async function wished(
  context: Context,
  what: `${string}.${string}`,
  wish: (operating: Operating) => Promise<Done>,
): Promise<void> {
  const { target, detail, text } = await wish(operatingOf(context)).catch((error: unknown) => {
    throw error instanceof HttpError ? new CliError(EXIT.usage, error.message) : error;
  });
  await context.audited({ what, target, ...(detail === undefined ? {} : { detail }) });
  note(text);
}

function operatingOf({ nc, names, questions }: Context): Operating {
  return new Operating(new NatsCluster(nc, names), () => questions.status());
}

/** Names are long; a part that only one has will do. */
async function named(operating: Operating, part: string): Promise<{ readonly id: string }> {
  const { workers } = await operating.look();
  const names = [...new Set(workers.flatMap(({ id, worker }) => [id, worker]))];
  if (names.includes(part)) return { id: part };
  const ids = workers.map(({ id }) => id).filter((id) => id.includes(part));
  if (ids.length === 1) return { id: ids[0]! };
  const there = names.length === 0 ? "None lives." : `There are ${workers.map(({ id }) => id).join(", ")}.`;
  throw new CliError(
    EXIT.usage,
    ids.length === 0
      ? `No worker is called "${part}". ${there}`
      : `${ids.length} workers have "${part}" in their name. ${there}`,
  );
}

function partitionsOf(workers: readonly WorkerView[]): number {
  return workers.reduce((sum, { partitions }) => sum + partitions.length, 0);
}

const WORKERS: readonly Column<WorkerView>[] = [
  { title: "WORKER", key: "id", value: ({ id }) => id, show: ({ id }) => shortened(id) },
  {
    title: "PARTITIONS",
    key: "partitions",
    value: ({ partitions }) => [...partitions],
    show: ({ partitions }) => count(partitions.length),
    align: "right",
  },
  { title: "LAG", key: "lag", value: ({ lag }) => lag, show: ({ lag }) => count(lag), align: "right" },
  {
    title: "EVENTS/S",
    key: "eventsPerSecond",
    value: ({ eventsPerSecond }) => eventsPerSecond,
    show: ({ eventsPerSecond }) => count(eventsPerSecond),
    align: "right",
  },
  {
    title: "MEMORY",
    key: "process",
    value: ({ process }) => (process === null ? null : { ...process }),
    show: ({ process }) => (process === null ? "–" : bytes(process.rssBytes)),
    align: "right",
  },
  {
    title: "HEARD",
    key: "silentMs",
    value: ({ silentMs }) => silentMs,
    show: ({ silentMs }) => duration(silentMs),
    align: "right",
  },
  {
    title: "STATE",
    key: "state",
    value: (worker) => stateOf(worker),
  },
];

function stateOf({ alive, drained, problems }: WorkerView): string {
  if (!alive) return "silent";
  if (problems.length > 0) return "faulty";
  return drained ? "drained" : "works";
}

async function showWorkers(context: Context, output: Format): Promise<void> {
  const { workers, partitions } = await operatingOf(context).look();
  print(printRows(workers, WORKERS, output, context.style));
  if (workers.length === 0) note("No worker lives. Start one: rollcall worker");
  for (const { id, problems } of workers) for (const problem of problems) note(`${shortened(id)}: ${problem}`);
  tellUnowned(partitions);
}

const PARTITIONS: readonly Column<PartitionView>[] = [
  { title: "P", key: "partition", value: ({ partition }) => partition, align: "right" },
  {
    title: "OWNER",
    key: "owner",
    value: ({ owner }) => owner,
    show: ({ owner }) => (owner === null ? "–" : shortened(owner)),
  },
  { title: "PHASE", key: "phase", value: ({ phase }) => phase },
  { title: "LAG", key: "lag", value: ({ lag }) => lag, show: ({ lag }) => numberOf(lag), align: "right" },
  { title: "BEHIND", key: "lagMs", value: ({ lagMs }) => lagMs, show: ({ lagMs }) => timeOf(lagMs), align: "right" },
  {
    title: "EV/S",
    key: "eventsPerSecond",
    value: ({ eventsPerSecond }) => eventsPerSecond,
    show: ({ eventsPerSecond }) => numberOf(eventsPerSecond),
    align: "right",
  },
  {
    title: "MEMORY",
    key: "residentBytes",
    value: ({ residentBytes }) => residentBytes,
    show: ({ residentBytes }) => (residentBytes === null ? "–" : bytes(residentBytes)),
    align: "right",
  },
  {
    title: "SAVED",
    key: "checkpointAgeMs",
    value: ({ checkpointAgeMs }) => checkpointAgeMs,
    show: ({ checkpointAgeMs }) => timeOf(checkpointAgeMs),
    align: "right",
  },
];

function numberOf(value: number | null): string {
  return value === null ? "–" : count(value);
}

/** The larger unit is enough here. */
function timeOf(ms: number | null): string {
  return ms === null ? "–" : duration(ms).split(" ")[0]!;
}

async function showPartitions(context: Context, output: Format): Promise<void> {
  const { partitions }: Operations = await operatingOf(context).look();
  print(printRows(partitions, PARTITIONS, output, context.style));
  for (const { partition, wished, owner } of partitions) {
    if (wished !== null)
      note(`Partition ${partition} is wished to ${wished}${owner === wished ? "" : ", and not there yet"}.`);
  }
  for (const { partition, problems, owner } of partitions) {
    if (owner !== null) for (const problem of problems) note(`Partition ${partition}: ${problem}`);
  }
  tellUnowned(partitions);
}

function tellUnowned(partitions: readonly PartitionView[]): void {
  const unowned = partitions.filter(({ owner }) => owner === null).length;
  if (unowned > 0)
    note(
      `${counted(unowned, "partition")} of ${partitions.length} ${unowned === 1 ? "has" : "have"} no owner that answers.`,
    );
}

/** Its end tells it from the others of its host. */
function shortened(name: string): string {
  const text = plain(name);
  if (text.length <= NAME_WIDTH_MAX) return text;
  const tail = Math.ceil((NAME_WIDTH_MAX - 1) / 2);
  return `${text.slice(0, NAME_WIDTH_MAX - 1 - tail)}…${text.slice(-tail)}`;
}
