// Changes one module's text while it is loaded. Node runs this in a thread of its own for the hooks; plant.ts registers it.
import type { LoadHook } from "node:module";
import { fileURLToPath } from "node:url";
import type { Mutant } from "./mutant.ts";

let planted: Mutant | undefined;

export function initialize(mutant: Mutant): void {
  planted = mutant;
}

export const load: LoadHook = async (url, context, nextLoad) => {
  const loaded = await nextLoad(url, context);
  if (planted === undefined || !url.startsWith("file:") || !fileURLToPath(url).endsWith(`/dist/${planted.file}`))
    return loaded;
  return { ...loaded, source: changed(String(loaded.source), planted) };
};

function changed(source: string, { name, find, replace }: Mutant): string {
  const pieces = source.split(find);
  if (pieces.length !== 2)
    throw new Error(
      `mutant ${name}: the text that it changes occurs ${pieces.length - 1} times, not once; correct its list`,
    );
  return pieces.join(replace);
}
