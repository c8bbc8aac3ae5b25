// Is anything missing in the middle of a stream that must be whole? Logs, SEGMENTS, DEFINITIONS.
// Pure: judges the facts of read.ts. Beside watermarks.ts and manifests.ts.
import { count, counted } from "../cli/numbers.ts";
import type { PartitionFacts, StreamFacts } from "./facts.ts";
import { type Finding, fail, findingsOf, page, sequences, type Trouble } from "./finding.ts";

const CHECK = "gaps";

export interface WholeStreams {
  readonly segmentsStream: string;
  readonly segments: StreamFacts;
  readonly definitionsStream: string;
  readonly definitions: StreamFacts;
}

export function gapFindings(all: readonly PartitionFacts[], streams: WholeStreams): readonly Finding[] {
  const others = [...segmentsGaps(streams), ...definitionsGaps(all, streams)];
  const troubles = all.flatMap(logGaps);
  if (troubles.length === 0 && others.length > 0) return others;
  const messages = all.reduce((sum, { log }) => sum + log.messages, 0);
  return [...others, ...findingsOf(CHECK, troubles, `none in the logs' ${counted(messages, "message")}`)];
}

/** Nothing may be taken out of a log, or of DEFINITIONS, but what the ledger of erasures names, and read.ts has seen to that. */
function logGaps({ partition, log }: PartitionFacts): readonly Trouble[] {
  if (log.numDeleted === 0 && log.lost === 0) return [];
  const holes = log.deleted.length === 0 ? "" : ` (${sequences(log.deleted)})`;
  const lost = log.lost === 0 ? "" : `; the server says that ${counted(log.lost, "message")} could not be read`;
  const missing = log.numDeleted === 1 ? "1 message is missing" : `${count(log.numDeleted)} messages are missing`;
  return [
    {
      kind: "LOG-004",
      verdict: "fail",
      partition,
      text: `${missing} in the middle of its log${holes}${lost}`,
      remedy: `restore the stream from a backup, and find out who deleted, or what the server's log says; ${page("LOG-004")}`,
    },
  ];
}

/** Watermarks replace each other, so SEGMENTS is full of holes; its first message stays, however. */
function segmentsGaps({ segments, segmentsStream }: WholeStreams): readonly Finding[] {
  const found: Finding[] = [];
  if (segments.first > 1) {
    const text = `${segmentsStream} begins at ${segments.first}: it was purged, and its first deltas are gone`;
    found.push(fail(CHECK, text, `restore it from a backup; never purge it; ${page("DLT-002")}`));
  }
  if (segments.lost > 0) {
    const text = `${segmentsStream}: the server says that ${counted(segments.lost, "message")} could not be read`;
    found.push(fail(CHECK, text, "look at the server's log and disk; restore the stream from a backup"));
  }
  return found;
}

function definitionsGaps(all: readonly PartitionFacts[], streams: WholeStreams): readonly Finding[] {
  const { definitions, definitionsStream } = streams;
  const remedy = `restore ${definitionsStream} from a backup that is as new as the logs; ${page("CTL-001")}`;
  if (definitions.last > 0 && definitions.first > 1)
    return [fail(CHECK, `${definitionsStream} begins at ${definitions.first}: its first entries are gone`, remedy)];
  if (definitions.numDeleted > 0 || definitions.lost > 0) {
    const holes = definitions.deleted.length === 0 ? "" : ` (${sequences(definitions.deleted)})`;
    return [fail(CHECK, `${definitionsStream} has ${counted(definitions.numDeleted, "hole")}${holes}`, remedy)];
  }
  const applied = Math.max(0, ...all.map(({ watermark }) => watermark?.value.revision ?? 0));
  if (applied <= definitions.last) return [];
  const text = `${definitionsStream} ends at revision ${definitions.last}, but ${applied} was applied already`;
  return [fail(CHECK, text, remedy)];
}
