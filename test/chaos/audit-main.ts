// The auditor's process: `node audit-main.js --url nats://… --partitions N [--name N] [--watch]`, its report as JSON on stdout.
// With --watch it notes every watermark as it is stored, and audits when it gets SIGUSR2. Started by auditor.ts.
// Exit codes: 0 everything holds, 1 something does not, 2 bad arguments, 3 it could not be found out.
import { once } from "node:events";
import { parseArgs } from "node:util";
import { connectNats } from "../../lib/nats/connect.ts";
import { namesOf } from "../../lib/nats/names.ts";
import { audit, watchRecords } from "./audit.ts";

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      url: { type: "string" },
      partitions: { type: "string" },
      name: { type: "string", default: "" },
      watch: { type: "boolean", default: false },
    },
  });
  const partitions = Number(values.partitions);
  if (values.url === undefined || !Number.isInteger(partitions) || partitions < 1) {
    process.stderr.write("auditor: --url nats://HOST:PORT and --partitions N say what is to be audited\n");
    return 2;
  }
  const nc = await connectNats({ url: values.url }, { role: "auditor", instance: `${process.pid}` });
  const names = namesOf(values.name);
  const noted = values.watch ? watchRecords(nc, names) : undefined;
  if (values.watch) {
    const told = once(process, "SIGUSR2");
    process.stderr.write("auditor: watching\n");
    await told;
  }
  const report = await audit({
    nc,
    names,
    partitions,
    ...(noted === undefined ? {} : { noted }),
    onProgress: (done) => process.stderr.write(`auditor: ${done} of ${partitions} partitions\n`),
  });
  process.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
  await nc.close();
  return report.held ? 0 : 1;
}

process.exitCode = await main().catch((error: unknown) => {
  process.stderr.write(`auditor: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  return error instanceof TypeError && "code" in error ? 2 : 3;
});
process.exit();
