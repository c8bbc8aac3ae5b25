// Options as flags of a commander command, and back: only what somebody typed overrides a variable or the file.
import { type Command, Option as Flag } from "commander";
import type { Overrides } from "./load.ts";
import { NAMED_OPTIONS, type NamedOption } from "./options.ts";

/** Adds a flag for each of these options (outside names), and `--config`. */
export function addFlags(command: Command, names: readonly string[]): Command {
  command.addOption(new Flag("--config <path>", "file with options (default: rollcall.yaml, when there is one)"));
  for (const name of names) {
    const named = NAMED_OPTIONS.find((option) => option.name === name);
    if (named === undefined) throw new Error(`addFlags: there is no option ${name}`);
    for (const flag of flagsOf(named)) command.addOption(flag);
  }
  return command;
}

/** What was typed, by outside name; for loadConfig. */
export function overridesOf(command: Command): Overrides {
  const typed: Record<string, unknown> = {};
  const values: Readonly<Record<string, unknown>> = command.optsWithGlobals();
  for (const { name, flag } of [...NAMED_OPTIONS, { name: "config", flag: "--config" }]) {
    const attribute = new Flag(flag).attributeName();
    // `--no-demo` gives commander a default of true, which nobody typed.
    if (command.getOptionValueSourceWithGlobals(attribute) === "cli") typed[name] = values[attribute];
  }
  return typed;
}

/** In angle brackets there is no room for blanks: `log, event` is shown as `log|event`. */
function placeholder(unit: string): string {
  return unit.replaceAll(", ", "|").replaceAll(" ", "-");
}

function flagsOf({ flag, option, env }: NamedOption): Flag[] {
  const shown = option.show(option.default);
  const described = `${option.why} (${shown === "(none)" ? "" : `default ${shown}; `}${env[0]})`;
  if (typeof option.default !== "boolean") return [new Flag(`${flag} <${placeholder(option.unit)}>`, described)];
  const off = new Flag(flag.replace("--", "--no-"), option.default ? described : undefined);
  const on = new Flag(flag, option.default ? undefined : described);
  return option.default ? [on.hideHelp(), off] : [on, off.hideHelp()];
}
