// rollcall doctor: audits a running cluster. One line a thing that can be wrong, each ok, warn or fail, with the remedy where it
// is not ok. It looks only; nothing is changed. What is looked at, and how it is judged: lib/doctor.
import { type NatsConnection, PermissionViolationError, RequestError, TimeoutError } from "@nats-io/transport-node";
import { type Command, InvalidArgumentError } from "commander";
import { decodeDirectory, decodeManifest, hashOf } from "../../actors/partition/manifest.ts";
import { keysOf } from "../../actors/partition/shelf.ts";
import { type Config, dataSetOf, natsSettingsOf } from "../../config/options.ts";
import { type DataSetMade, dataSetMade } from "../../lib/api/operations/data-set.ts";
import { CliError, EXIT } from "../../lib/cli/errors.ts";
import { findingLines, summaryOf } from "../../lib/cli/findings.ts";
import { type ProgressBar, progressBar } from "../../lib/cli/progress.ts";
import { styleFor } from "../../lib/cli/style.ts";
import type { Format } from "../../lib/cli/table.ts";
import { type AuditOptions, auditMemory, auditSpeech } from "../../lib/doctor/audit.ts";
import { CheckpointReader } from "../../lib/doctor/checkpoints.ts";
import { type Finding, fail, ok, warn } from "../../lib/doctor/finding.ts";
import { AuditReader } from "../../lib/doctor/read.ts";
import { disk, rejects, segments, store, streams } from "../../lib/doctor/surroundings.ts";
import { workerFindings } from "../../lib/doctor/workers.ts";
import { NatsCluster } from "../../lib/nats/cluster.ts";
import { type Names, namesOf } from "../../lib/nats/names.ts";
import { Questions } from "../../lib/nats/questions.ts";
import { ApiError } from "../../lib/nats/wire.ts";
import { connectOrExplain, optionsOf } from "./context.ts";
import { note, print, printJson, withOutput } from "./output.ts";

const PAGES_LOOKED_MAX = 20;
const MEMBERS_DEFAULT = 200;
const MESSAGES_DEFAULT = 20_000;

const HELP = `
Looks at a running cluster while events flow, and changes nothing. Each line is ok, warn or fail.
  watermarks, manifests, gaps   what each partition remembers, against its log, its owner and its blobs
  numbering                     every delta that is stored: joined and left by turns, numbered 1, 2, 3 …
  sample                        some members recomputed from the logs, against what was said and what is live

Exit codes:
  0  nothing failed; there may be warnings
  1  something failed, a server that is not there among it; each has a remedy
  2  an option is wrong
  3  no permission, or no answer
`;

interface Options {
  readonly output: Format;
  readonly quick?: boolean;
  readonly all?: boolean;
  readonly members: number;
  readonly messages: number;
}

export function addDoctor(program: Command): void {
  withOutput(
    program.command("doctor").description("audit a running cluster: what it stands on, remembers, and has said"),
    ["table", "json"],
  )
    .option("--quick", "leave out numbering and sample, which read logs and deltas")
    .option("--all", "look at every stored blob, follow every member's numbering, read every log to its end")
    .option("--members <n>", "members to recompute, over all partitions", whole, MEMBERS_DEFAULT)
    .option("--messages <n>", "messages to read of each log, from its first", whole, MESSAGES_DEFAULT)
    .addHelpText("after", HELP)
    .action((options: Options, command: Command) => doctor(command, options));
}

function whole(text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value > 0) return value;
  throw new InvalidArgumentError("It is a whole number, 1 or more.");
}

async function doctor(command: Command, options: Options): Promise<void> {
  const { config, warnings } = optionsOf(command);
  const findings: Finding[] = warnings.map((text) => warn("options", text, "unset it, or correct its name"));
  findings.push(...(await examine(config, options)));
  const { stdout } = process;
  const summary = summaryOf(findings);
  if (options.output === "json") printJson(findings);
  else print(findingLines(findings, styleFor(stdout), stdout.isTTY ? stdout.columns : undefined));
  if (findings.some(({ verdict }) => verdict === "fail")) throw new CliError(EXIT.failed, summary);
  if (options.output !== "json") note(`\n${summary}`);
}

async function examine(config: Config, options: Options): Promise<readonly Finding[]> {
  const onDisk = (): Promise<readonly Finding[]> => disk(natsSettingsOf(config).url, config.dataDir);
  let nc: NatsConnection;
  try {
    nc = await connectOrExplain(config);
  } catch (error) {
    const [text, ...remedy] = (error as Error).message.split("\n");
    return [fail("server", text!, remedy.join("\n")), ...(await onDisk())];
  }
  try {
    const server = ok("server", `nats-server ${nc.info?.version} at ${nc.getServer()}, JetStream on`);
    const names = namesOf(config.name);
    const made = await dataSetMade(nc, names);
    if (made === undefined) return [server, noDataSet(names), ...(await onDisk())];
    return [
      server,
      ...(await streams(nc, dataSetOf(config), made)),
      ...(await cluster(nc, names, made, config, options)),
      await segments(nc, names, config.limits),
      await rejects(nc, names),
      await store(nc),
      ...(await onDisk()),
    ];
  } finally {
    await nc.close();
  }
}

function noDataSet(names: Names): Finding {
  const text = `none here (stream ${names.definitionsStream} is missing)`;
  return fail("data set", text, "start a worker, which makes it: rollcall worker");
}

/** Workers by their own word, then by what the streams say. */
async function cluster(
  nc: NatsConnection,
  names: Names,
  made: DataSetMade,
  config: Config,
  options: Options,
): Promise<readonly Finding[]> {
  const ear = new Ear(nc, names, config.heartbeatExpiryMs);
  const bars = new Bars();
  try {
    const questions = new Questions(nc, names, made.partitions);
    const workers = workerFindings(await questions.status(), config.checkpointIntervalMs);
    const reader = new AuditReader({
      nc,
      names,
      questions,
      checkpoints: new CheckpointReader({
        codec: { decodeManifest, decodeDirectory, hashOf, keysOf },
        pagesMax: options.all === true ? Number.POSITIVE_INFINITY : PAGES_LOOKED_MAX,
        random: Math.random,
      }),
      heard: (shard) => ear.heard(shard),
    });
    const client = { nc, names, questions };
    const audit = auditOptions(made, config, options, bars);
    const findings = [...workers];
    try {
      const memory = await auditMemory(reader, client, audit);
      findings.push(...memory.findings);
      if (options.quick !== true) findings.push(...(await auditSpeech(client, memory, audit)));
    } catch (error) {
      findings.push(unfinished(error));
    }
    return findings;
  } finally {
    bars.end();
    ear.stop();
  }
}

/** A stream that is gone, or a server that does not answer, ends the audit; what was found until then is told. */
function unfinished(error: unknown): Finding {
  const isAnswer = error instanceof ApiError || error instanceof TimeoutError || error instanceof RequestError;
  if (!isAnswer || error.cause instanceof PermissionViolationError) throw error;
  const remedy = "mend first what is told above; else look at the server's log and load, and run this again";
  return fail("audit", `not finished: ${error.message}`, remedy);
}

function auditOptions(made: DataSetMade, config: Config, options: Options, bars: Bars): AuditOptions {
  const { partitions, clock: clockMode } = made;
  const { clockStepMsMax, limits } = config;
  const all = options.all === true;
  return {
    partitions,
    membersMax: options.members,
    messagesMax: all ? Number.POSITIVE_INFINITY : options.messages,
    everyMember: all,
    salt: Math.floor(Math.random() * 1_000_000),
    oracle: (partition) => ({
      partition,
      partitions,
      clockMode,
      clockStepMsMax,
      limits,
    }),
    onProgress: (what, done, total) => bars.update(what, done, total),
  };
}

/** Who beats, from now on. */
class Ear {
  private readonly shards = new Set<string>();
  private readonly sinceMs = performance.now();
  private readonly expiryMs: number;
  readonly stop: () => void;

  constructor(nc: NatsConnection, names: Names, expiryMs: number) {
    this.expiryMs = expiryMs;
    const hearing = new NatsCluster(nc, names).hear(({ shard }) => this.shards.add(shard));
    this.stop = () => hearing.stop();
  }

  /** Certain only once a heartbeat would have expired. */
  async heard(shard: string): Promise<boolean> {
    const leftMs = this.sinceMs + this.expiryMs - performance.now();
    if (!this.shards.has(shard) && leftMs > 0) {
      await new Promise((resolve) => {
        setTimeout(resolve, leftMs);
      });
    }
    return this.shards.has(shard);
  }
}

/** One bar after the other, each under the name of what is counted. */
class Bars {
  private bar: ProgressBar | undefined;
  private unit = "";

  update(unit: string, done: number, total: number): void {
    if (unit !== this.unit) {
      this.end();
      this.bar = progressBar("looking at");
      this.unit = unit;
    }
    this.bar!.update({ fraction: done / Math.max(1, total), done, unit });
  }

  end(): void {
    this.bar?.end();
    this.bar = undefined;
  }
}
