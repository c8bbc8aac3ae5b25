// A failure as a story that a person can follow: the world, the steps that are left of it, what the server did towards the end,
// and what was broken. Read by whoever is shown a seed.
import type { Plan, Step } from "./plan.ts";
import type { Outcome } from "./simulation.ts";
import type { TraceLine } from "./trace.ts";

/** Enough to see who owned, who spoke and what was stored; `--trace` shows all of it. */
const LINES_SHOWN = 45;
/** Questions change nothing. */
const DULL = /\b(bounds|stampAt|readWatermark|readManifest|lastRevision|get)\b/;

export function storyOf(plan: Plan, outcome: Outcome): string {
  const { violation } = outcome;
  const interesting = outcome.lines.filter(({ text }) => !DULL.test(text));
  return [
    `seed ${plan.seed}, trace ${outcome.hash}`,
    "",
    worldLine(plan),
    "",
    ...plan.steps.map((step, index) => `${`${index}`.padStart(3)}  ${stepText(step)}${waitText(step.waitMs)}`),
    ...(plan.lastAct === undefined ? [] : [`     at last: ${plan.lastAct.harm}`]),
    "",
    ...(interesting.length > LINES_SHOWN ? [`(${interesting.length - LINES_SHOWN} lines before these)`] : []),
    ...interesting.slice(-LINES_SHOWN).map(lineText),
    "",
    violation === undefined ? "Nothing was broken." : `Broken: ${violation.rule}. ${violation.message}`,
  ].join("\n");
}

function worldLine({ world }: Plan): string {
  const { partitions, workers, users, accounts, weather, pageBytesMax, pageCacheBytesMax, settings } = world;
  const fate =
    weather.faults === 0 ? "every request goes well" : `${Math.round(weather.faults * 100)} of 100 requests go wrong`;
  return (
    `${workers} workers, ${partitions} partitions, ${users.length} people${accounts.length === 0 ? "" : ` in ${accounts.length} accounts`}, pages of ${pageBytesMax} bytes, ` +
    `${pageCacheBytesMax} bytes of them in memory; ${fate}, up to ${weather.latencyMsMax} ms each way; ` +
    `a checkpoint every ${settings.checkpointIntervalMs} ms, batches of ${settings.batchMax}, a watermark after ${settings.watermarkDelayMs} ms`
  );
}

function stepText(step: Step): string {
  switch (step.do) {
    case "send":
      return step.events.length === 0
        ? "nobody does anything"
        : step.events.map(({ user, message }) => `${user} ${String(message.event ?? message.type)}`).join(", ");
    case "poison":
      return `partition ${step.partition} is sent ${JSON.stringify(step.body).slice(0, 60)}`;
    case "define":
      return `DEFINITIONS: ${JSON.stringify(step.entry).slice(0, 300)}`;
    case "situation": {
      const { kind, place, values } = step.entry;
      const forMs = step.forMs === undefined ? "" : ` for ${step.forMs} ms`;
      return `DEFINITIONS: ${kind} at ${JSON.stringify(place)} is ${JSON.stringify(values)}${forMs}`;
    }
    case "erase":
      return `DEFINITIONS: ${step.kind} ${step.id} is erased`;
    case "cancel":
      return "DEFINITIONS: what waits is given up";
    case "start":
      return step.underOldName ? "a worker starts, under the name of one that is gone" : "a worker starts";
    case "kill":
      return `worker ${step.worker} is killed`;
    case "drain":
      return `worker ${step.worker} is told to stop${step.hasty ? ", and told again" : ""}`;
    case "stop":
      return `worker ${step.worker} is stopped for ${step.forMs} ms`;
    case "cut":
      return `worker ${step.worker} is cut off for ${step.forMs} ms`;
    case "outage":
      return `nobody reaches the server for ${step.forMs} ms`;
    case "restart":
      return `the server is killed, and back after ${step.downMs} ms`;
    case "clock":
      return `the server's clock is set ${step.byMs > 0 ? "ahead" : "back"} by ${Math.abs(step.byMs)} ms`;
    case "stopAt":
      return `worker ${step.worker} will be stopped ${step.when} its ${step.call === "*" ? "request" : step.call} for ${step.forMs} ms, ${step.left} later ones spared`;
    case "crash":
      return `worker ${step.worker} will die ${step.when} its ${step.call === "*" ? "request" : step.call}, ${step.left} later ones spared`;
  }
}

function waitText(waitMs: number): string {
  return waitMs === 0 ? "" : ` … ${waitMs} ms`;
}

export function lineText({ atMs, text }: TraceLine): string {
  return `${atMs.toFixed(1).padStart(9)}  ${text.split("\n")[0]}`;
}
