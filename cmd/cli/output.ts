// The one option that many commands share, -o, and writing to stdout.
// A pipe that closes early (`| head`) is no error.
import { type Command, Option } from "commander";
import { FORMATS, type Format } from "../../lib/cli/table.ts";

export function withOutput(command: Command, formats: readonly Format[] = FORMATS): Command {
  return command.addOption(new Option("-o, --output <format>", "how to print").choices([...formats]).default("table"));
}

export function print(text: string): void {
  process.stdout.write(text.endsWith("\n") ? text : `${text}\n`);
}

export function printJson(value: unknown): void {
  print(JSON.stringify(value, null, 2));
}

/** stderr: what a person wants to know beside the answer. */
export function note(text: string): void {
  process.stderr.write(`${text}\n`);
}
