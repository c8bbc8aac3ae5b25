// The repository's root, found from wherever this runs: the sources, under Vitest, or what was compiled from them.
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const REPOSITORY = rootAbove(dirname(fileURLToPath(import.meta.url)));

function rootAbove(dir: string): string {
  if (existsSync(join(dir, "package.json"))) return dir;
  const above = dirname(dir);
  if (above === dir) throw new Error("no package.json above this file");
  return rootAbove(above);
}
