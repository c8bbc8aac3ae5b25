// What an operator would ask in the end: is everything that was said what the logs say?
import { execFile } from "node:child_process";
import { join } from "node:path";
import { packageDir } from "../../cmd/cli/package-dir.ts";
import type { BenchServer } from "./server.ts";

const CLI_BYTES_MAX = 64 * 1024 * 1024;

/** As an operator would ask; throws when anything differs. */
export async function verified({ url }: BenchServer): Promise<string> {
  // From sources, too, it is the built program that verifies.
  const cli = join(packageDir(), "dist", "cmd", "rollcall.js");
  const args = ["--max-old-space-size=8192", cli, "--nats-url", url, "replay", "--verify", "-o", "json"];
  const text = await new Promise<string>((resolve, reject) => {
    execFile(process.execPath, args, { maxBuffer: CLI_BYTES_MAX }, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else reject(new Error(`${error.message}\n${stderr}`));
    });
  });
  const { memberships, deltas } = JSON.parse(text) as {
    memberships: { expected: number };
    deltas: { expected: number };
  };
  return `${memberships.expected.toLocaleString("en-US")} memberships and ${deltas.expected.toLocaleString("en-US")} deltas equal`;
}
