// The compiled programs of test/laws, test/simulation and test/fuzz, run to their end: what test/deep asks of them. They are
// several times faster than a test runner's transform. Needs `npm run build:proofs`.
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { REPOSITORY } from "./repository.ts";

const OUTPUT_BYTES_MAX = 64 * 1024 * 1024;

export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Where a program lies that is named as its source is: `laws/run.ts`. */
export function proofProgram(source: string): string {
  const program = join(REPOSITORY, "dist", "test", source.replace(/\.ts$/, ".js"));
  if (!existsSync(program)) throw new Error("run `npm run build:proofs` first");
  return program;
}

/** Node with these arguments. */
export function runProof(args: readonly string[], variables: Readonly<Record<string, string>> = {}): Promise<Ran> {
  const env = { ...process.env, NO_COLOR: "1", ...variables };
  const options = { cwd: REPOSITORY, env, maxBuffer: OUTPUT_BYTES_MAX };
  return new Promise((resolve) => {
    execFile(process.execPath, args, options, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code ?? -1), stdout, stderr });
    });
  });
}
