// Prints options: the values in force with where each came from (`rollcall config`), and the reference table of the docs.
import type { Loaded } from "./load.ts";
import { NAMED_OPTIONS, type NamedOption } from "./options.ts";

/** One line an option: name, value, origin. Secrets are masked. */
export function describeConfig({ config, origins }: Loaded): string {
  const rows = NAMED_OPTIONS.map((named) => [
    named.name,
    shownValue(named, config),
    origins.get(named.name) ?? "default",
  ]);
  const widths = [0, 1].map((column) => Math.max(...rows.map((row) => row[column]!.length)));
  const lines = rows.map(
    ([name, value, origin]) => `${name!.padEnd(widths[0]!)}  ${value!.padEnd(widths[1]!)}  ${origin}`,
  );
  return `${lines.join("\n")}\n`;
}

/** Markdown, for docs/configuration.md. */
export function optionsTable(): string {
  const rows = NAMED_OPTIONS.map(({ name, env, option }) => {
    const shown = option.show(option.default);
    const variables = env.map((variable) => `\`${variable}\``).join(", ");
    return `| \`${name}\` | ${variables} | ${shown === "(none)" ? "" : `\`${shown}\``} | ${option.unit} | ${option.why} |`;
  });
  return ["| Option | Variable | Default | Value | Why |", "|---|---|---|---|---|", ...rows, ""].join("\n");
}

function shownValue({ key, inLimits, option }: NamedOption, config: Loaded["config"]): string {
  const holder = (inLimits ? config.limits : config) as unknown as Readonly<Record<string, unknown>>;
  const value = holder[key];
  if (option.secret && value !== "") return "********";
  return withoutPasswords(option.show(value));
}

/** An address may carry a user and a password, or a token. */
function withoutPasswords(text: string): string {
  return text.replaceAll(/\/\/[^/@\s,]+@/g, "//********@");
}
