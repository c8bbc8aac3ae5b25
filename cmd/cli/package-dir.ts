// Where the package lies: examples, example segments, nats.conf. The same from sources and from dist/.
import { basename, dirname } from "node:path";
import { fileURLToPath } from "node:url";

export function packageDir(): string {
  const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
  return basename(root) === "dist" ? dirname(root) : root;
}
