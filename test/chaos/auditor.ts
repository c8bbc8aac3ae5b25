// The auditor as its scenarios see it: a process that watches from before the first delta, and gives its report in the end.
// What it does stands in audit.ts.
import { join } from "node:path";
import { count } from "../../lib/cli/numbers.ts";
import type { Processes, Watched } from "../support/processes.ts";
import { type AuditReport, FINDINGS, type Finding } from "./audit.ts";

const REPORT_MS_MAX = 600_000;

export interface AuditedDataSet {
  /** Straight to the server, whatever the workers go through. */
  readonly url: string;
  readonly partitions: number;
}

export class Auditor {
  private readonly process: Watched;

  private constructor(process: Watched) {
    this.process = process;
  }

  /** Resolves once it is about to watch. The data set must be there. */
  static async watching(processes: Processes, { url, partitions }: AuditedDataSet): Promise<Auditor> {
    const args = ["--url", url, "--partitions", `${partitions}`, "--watch"];
    const auditor = new Auditor(processes.program("auditor", join("test", "chaos", "audit-main.js"), args));
    await auditor.process.says(/auditor: watching/);
    return auditor;
  }

  async report(): Promise<AuditReport> {
    this.process.kill("SIGUSR2");
    const { code } = await this.process.exit(REPORT_MS_MAX);
    if (code !== 0 && code !== 1) throw new Error(`the auditor could not tell\n${this.process.lastWords()}`);
    return JSON.parse(this.process.stdout) as AuditReport;
  }
}

const WORDS: Partial<Record<Finding, string>> = { unfenced: "from a stale owner", unspoken: "partitions unspoken" };

/** "0 lost, 0 repeated …": the counts that make or break a run, always in the same order. */
export function countsOf({ findings }: AuditReport): string {
  const always = ["lost", "repeated", "wrong", "disordered", "unfenced"] as const;
  const others = FINDINGS.filter((kind) => !always.some((one) => one === kind) && findings[kind].count > 0);
  return [...always, ...others].map((kind) => `${count(findings[kind].count)} ${WORDS[kind] ?? kind}`).join(", ");
}

/** What was found, in the auditor's words; empty when everything holds. */
export function examplesOf({ findings }: AuditReport, max = 5): string[] {
  return FINDINGS.flatMap((kind) => findings[kind].examples.slice(0, max).map((text) => `${kind}: ${text}`));
}
