// Which mapping a file is read with: the one that was named, else the first in an `examples` folder whose pattern fits.
// Used by cmd/cli/import.ts before anything is read.
import { readdir, readFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { type Mapping, parseMapping } from "./mapping.ts";
import { MappingError } from "./places.ts";

export interface FoundMapping {
  readonly path: string;
  readonly mapping: Mapping;
}

export async function namedMapping(path: string): Promise<FoundMapping> {
  const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    throw new MappingError(`${path}: the mapping cannot be read (${error.code ?? error.message})`);
  });
  return { path, mapping: parseMapping(text, path) };
}

/** Looks next to the file, in the working directory and in the package, in this order. */
export async function findMapping(file: string, packageDir: string): Promise<FoundMapping | undefined> {
  const folders = [dirname(file), join(dirname(file), "examples"), "examples", join(packageDir, "examples")];
  for (const folder of [...new Set(folders)]) {
    const names = await readdir(folder).catch(() => []);
    for (const name of names.filter((candidate) => /\.map\.ya?ml$/.test(candidate)).sort()) {
      const found = await namedMapping(join(folder, name));
      if (found.mapping.files !== undefined && fits(found.mapping.files, basename(file))) return found;
    }
  }
  return undefined;
}

function fits(pattern: string, name: string): boolean {
  const parts = pattern.split("*").map((part) => part.replace(/[.+?^${}()|[\]\\]/g, "\\$&"));
  return new RegExp(`^${parts.join(".*")}$`).test(name);
}
