// Where the package lies (examples, example segments, nats.conf), and which version it is. The same from sources and from dist/.
import { readFileSync } from "node:fs";
import { basename, dirname } from "node:path";
import { fileURLToPath } from "node:url";

export function packageDir(): string {
  const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
  return basename(root) === "dist" ? dirname(root) : root;
}

export function packageVersion(): string {
  return (JSON.parse(readFileSync(`${packageDir()}/package.json`, "utf8")) as { version: string }).version;
}
