// From a user agent to a device: browser, system, what sort of thing it is, and whether a program rather than a person
// sits at it. enrich.ts asks, and says beside it what the library told of its app.
import { isbot } from "isbot";
import { LRUCache } from "lru-cache";
import { UAParser } from "my-ua-parser";
import type { JsonObject } from "../core/types.ts";
import { known, objectOf, textOf } from "./json.ts";

/** A person's browser says the same at every event, and reading it takes some hundred patterns. */
const AGENTS_KEPT_MAX = 5_000;
/** No real user agent is longer; the patterns' time grows with the length. */
const AGENT_LENGTH_MAX = 500;

export type Devices = {
  /**
   * `{browser, os, type, app, version, language, bot}`, as much of it as is known; undefined: nothing. `context` is what
   * the library said of its surroundings; `isApp` says that the library runs in an app and not in a browser.
   */
  deviceOf(userAgent: string | undefined, context: JsonObject, isApp: boolean): JsonObject | undefined;
};

export function openDevices(): Devices {
  const kept = new LRUCache<string, Agent>({ max: AGENTS_KEPT_MAX });
  const read = (userAgent: string): Agent => {
    const text = userAgent.slice(0, AGENT_LENGTH_MAX);
    const agent = kept.get(text) ?? readAgent(text);
    kept.set(text, agent);
    return agent;
  };
  return {
    deviceOf: (userAgent, context, isApp) => {
      const device = deviceFrom(userAgent === undefined ? NOTHING : read(userAgent), context, isApp);
      return Object.keys(device).length === 0 ? undefined : device;
    },
  };
}

interface Agent {
  readonly browser: string | undefined;
  readonly os: string | undefined;
  readonly type: DeviceType | undefined;
  readonly isBot: boolean;
}

type DeviceType = "desktop" | "mobile" | "tablet" | "tv" | "console" | "wearable";

const NOTHING: Agent = { browser: undefined, os: undefined, type: undefined, isBot: false };

function deviceFrom(agent: Agent, context: JsonObject, isApp: boolean): JsonObject {
  const app = objectOf(context.app);
  const os = agent.os ?? textOf(objectOf(context.os)?.name);
  // Crawlers run no apps; the bare names that apps' HTTP libraries go by (okhttp/4.12.0) would make them bots.
  const isBot = agent.isBot && !isApp;
  const type = isBot ? "bot" : (agent.type ?? (isApp ? "mobile" : undefined));
  return known({
    browser: agent.browser,
    os,
    type,
    app: textOf(app?.name),
    version: textOf(app?.version),
    language: textOf(context.locale),
    // Of what nothing is known it is not known either that it is no bot.
    bot: type === undefined && agent.browser === undefined && os === undefined ? undefined : isBot,
  });
}

function readAgent(userAgent: string): Agent {
  // Neither parser knows watches that name no browser: AppleWatch6,2/watchOS 10.1.
  if (/\bwatchOS\b/.test(userAgent)) return { ...NOTHING, os: "watchOS", type: "wearable" };
  const parser = new UAParser(userAgent);
  const os = textOf(parser.getOS().name);
  return {
    browser: browserOf(textOf(parser.getBrowser().name)),
    os,
    type: typeOf(parser.getDevice().type, os),
    isBot: isbot(userAgent),
  };
}

/** The same browser on a telephone goes by the same name; `type` tells the two apart. */
function browserOf(name: string | undefined): string | undefined {
  return name === "Mobile Safari" ? "Safari" : name;
}

const TYPES: Readonly<Record<string, DeviceType>> = {
  mobile: "mobile",
  tablet: "tablet",
  smarttv: "tv",
  console: "console",
  wearable: "wearable",
};

/** Desktops are those that say a system and nothing else of themselves. */
const HAND_HELD: ReadonlySet<string> = new Set([
  "iOS",
  "Android",
  "Windows Phone",
  "Windows Mobile",
  "KaiOS",
  "HarmonyOS",
]);
const DESKTOP =
  /^(Windows|Mac OS|Chromium OS|Linux|Ubuntu|Debian|Fedora|CentOS|RedHat|SUSE|Mint|Arch|Gentoo|Mageia|\w+BSD|Solaris|GNU)$/;

function typeOf(said: string | undefined, os: string | undefined): DeviceType | undefined {
  const type = said === undefined || !Object.hasOwn(TYPES, said) ? undefined : TYPES[said];
  if (type !== undefined || said !== undefined || os === undefined) return type;
  if (HAND_HELD.has(os)) return "mobile";
  return DESKTOP.test(os) ? "desktop" : undefined;
}
