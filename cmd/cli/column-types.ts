// --type column=type, as the commands take it that read files with columns: `items import` and `import --accounts`.
import { InvalidArgumentError, Option } from "commander";

export function typeOption<T extends string>(types: readonly T[], rest: string): Option {
  return new Option("--type <column=type>", `of a CSV column: ${types.join(", ")} (a|b); ${rest}`)
    .argParser((text: string, before: ReadonlyMap<string, T>) => new Map(before).set(...columnType(text, types)))
    .default(new Map(), "none");
}

function columnType<T extends string>(text: string, types: readonly T[]): [string, T] {
  const at = text.lastIndexOf("=");
  const type = types.find((one) => one === text.slice(at + 1));
  if (at >= 1 && type !== undefined) return [text.slice(0, at), type];
  throw new InvalidArgumentError(`Write column=type, the type one of ${types.join(", ")}.`);
}
