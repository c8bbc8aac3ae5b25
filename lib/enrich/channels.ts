// Which channel a message came through, by the library that made it. enrich.ts asks where the message names none.
import type { JsonObject } from "../core/types.ts";
import { objectOf, textOf } from "./json.ts";

/** By the library's name without what stands around it: `@segment/analytics-node` is `node`, `analytics_flutter` is `flutter`. */
const CHANNELS: Readonly<Record<string, "web" | "mobile" | "server">> = {
  js: "web",
  next: "web",
  browser: "web",
  ios: "mobile",
  android: "mobile",
  kotlin: "mobile",
  swift: "mobile",
  "react-native": "mobile",
  flutter: "mobile",
  node: "server",
  python: "server",
  ruby: "server",
  go: "server",
  java: "server",
  php: "server",
  dotnet: "server",
  net: "server",
  csharp: "server",
  rust: "server",
};

const NAME = /^(?:@segment\/)?analytics[-_.]([a-z-]+)$/;

export function channelOfLibrary(context: JsonObject): string | undefined {
  const name = textOf(objectOf(context.library)?.name)?.toLowerCase();
  const library = name === undefined ? undefined : NAME.exec(name)?.[1];
  return library !== undefined && Object.hasOwn(CHANNELS, library) ? CHANNELS[library] : undefined;
}
