// What every command needs to ask something: options, a connection, the data set as it was made, and where to print.
// Commands are given one by `connected`, which also closes it.
import { userInfo } from "node:os";
import { AuthorizationError, type NatsConnection } from "@nats-io/transport-node";
import type { Command } from "commander";
import { overridesOf } from "../../config/flags.ts";
import { type Loaded, loadConfig } from "../../config/load.ts";
import { type Config, natsSettingsOf } from "../../config/options.ts";
import { dataSetMade } from "../../lib/api/operations/data-set.ts";
import { audited, type Change } from "../../lib/api/security/auditing.ts";
import { Catalogue } from "../../lib/api/segments/catalogue.ts";
import { CliError, EXIT } from "../../lib/cli/errors.ts";
import { type Style, styleFor } from "../../lib/cli/style.ts";
import { NatsAuditLog } from "../../lib/nats/audit.ts";
import { connectNats, ServerUnreachable } from "../../lib/nats/connect.ts";
import { NatsControlLog } from "../../lib/nats/control-log.ts";
import { type Names, namesOf } from "../../lib/nats/names.ts";
import { Questions } from "../../lib/nats/questions.ts";

export interface Context {
  readonly config: Config;
  readonly nc: NatsConnection;
  readonly names: Names;
  /** As the data set was made, whatever this machine's configuration says. */
  readonly partitions: number;
  readonly clock: "log" | "event";
  readonly control: NatsControlLog;
  readonly questions: Questions;
  /** Of stdout. */
  readonly style: Style;
  /** Writes down that whoever is at the command line changed something, once it is changed. */
  audited(change: Change): Promise<void>;
  /** Opened when first asked for. */
  catalogue(): Promise<Catalogue>;
}

export function optionsOf(command: Command): Loaded {
  return loadConfig(overridesOf(command));
}

export async function connected(command: Command, run: (context: Context) => Promise<void>): Promise<void> {
  const { config } = optionsOf(command);
  const nc = await connectOrExplain(config);
  let catalogue: Promise<Catalogue> | undefined;
  try {
    const names = namesOf(config.name);
    const made = await dataSetMade(nc, names);
    if (made === undefined) throw noDataSet(nc, names, config);
    const { partitions, clock } = made;
    const control = new NatsControlLog(nc, names);
    const open = (): Promise<Catalogue> => {
      catalogue ??= Catalogue.open(control, config.limits);
      return catalogue;
    };
    const questions = new Questions(nc, names, partitions);
    const audit = new NatsAuditLog(nc, names);
    await run({
      config,
      nc,
      names,
      partitions,
      clock,
      control,
      questions,
      style: styleFor(process.stdout),
      audited: (change) => audited(audit, whoIsHere(), change),
      catalogue: open,
    });
  } finally {
    (await catalogue?.catch(() => undefined))?.stop();
    await nc.close();
  }
}

/** As the audit log names the one at the command line: by the name that this machine knows them by. */
export function whoIsHere(): string {
  try {
    return `cli:${userInfo().username}`;
  } catch {
    // A container may run under a number that has no name.
    return `cli:${process.getuid?.() ?? "unknown"}`;
  }
}

export async function connectOrExplain(config: Config): Promise<NatsConnection> {
  try {
    return await connectNats(natsSettingsOf(config), { role: "cli", instance: String(process.pid) });
  } catch (error) {
    if (!(error instanceof ServerUnreachable) || error.cause instanceof AuthorizationError) throw error;
    throw new CliError(
      EXIT.unreachable,
      `${error.message}\nStart one with \`npm start\` (or \`rollcall dev\`), or say where it is: --nats-url nats://HOST:PORT.`,
      { cause: error },
    );
  }
}

function noDataSet(nc: NatsConnection, names: Names, config: Config): CliError {
  const which = config.name === "" ? "no data set of Rollcall" : `no data set named "${config.name}"`;
  return new CliError(
    EXIT.unreachable,
    `There is ${which} on ${nc.getServer()} (stream ${names.definitionsStream} is missing). ` +
      "A worker makes it: start one with `rollcall worker`, or all of Rollcall with `npm start`; --name chooses another data set.",
  );
}

/** Refuses an unknown segment, with the one that was probably meant. */
export function unknownSegment(id: string, catalogue: Catalogue, nearest: string | undefined): CliError {
  const meant = nearest === undefined ? "" : ` Did you mean ${nearest}?`;
  const there = catalogue.segments().length;
  return new CliError(
    EXIT.usage,
    `There is no segment "${id}".${meant} \`rollcall segments ls\` lists the ${there} there are.`,
  );
}
