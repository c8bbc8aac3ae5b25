// Definitions in files that nobody applies: what `segments try`, `diff` and `backtest` look at.
import type { Command } from "commander";
import type { Candidate } from "../../lib/backtest/played.ts";
import { CliError, EXIT } from "../../lib/cli/errors.ts";
import { plain } from "../../lib/cli/style.ts";
import { loadDefinitions } from "../../lib/definitions/load.ts";
import { optionsOf } from "./context.ts";

/** Definitions of files that parse; else what is wrong with them, with its place. */
export async function candidatesOf(command: Command, paths: readonly string[]): Promise<readonly Candidate[]> {
  const { definitions, problems } = await loadDefinitions(paths, optionsOf(command).config.limits);
  if (problems.length > 0) {
    const lines = problems.map(({ file, line, column, message, hint }) => {
      const meant = hint === undefined ? "" : ` (did you mean ${plain(hint)}?)`;
      return `${file}:${line}:${column}: ${plain(message)}${meant}`;
    });
    throw new CliError(EXIT.usage, lines.join("\n"));
  }
  return definitions.flatMap(({ source, definition }) => (definition === undefined ? [] : [{ source, definition }]));
}

export async function oneCandidate(command: Command, file: string): Promise<Candidate> {
  const found = await candidatesOf(command, [file]);
  const [candidate, ...others] = found;
  if (candidate !== undefined && others.length === 0) return candidate;
  const many = `${file} holds ${found.length} definitions, and this looks at one; \`segments diff\` takes many.`;
  throw new CliError(EXIT.usage, many);
}
