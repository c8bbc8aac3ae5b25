// What partitions told each other: the link messages that a sender's log derives, against those that stand in the log of
// their receiver. Both logs are read at their own pace and up to positions of their own, so what both know is compared.
import { createHash } from "node:crypto";
import { decodeLink, type LinkMessage } from "../core/links.ts";
import type { LogRecord, PartitionNo } from "../core/types.ts";
import { Collected, type Differences } from "./collected.ts";

export interface LinkReport {
  /** Messages that both sides know, each as it was said. */
  readonly compared: number;
  /** They stand in the receiver's log otherwise than the sender's derives them. */
  readonly wrong: Differences;
}

/** Of a message that an erasure has put into other words. */
const ERASED = "";

/** From one partition to another: what one side knows and the other does not, yet; a message is one digest of it. */
interface Way {
  paired: number;
  readonly derived: string[];
  readonly standing: string[];
}

export class LinkBook {
  readonly #ways = new Map<string, Way>();
  readonly #wrong = new Collected();
  #compared = 0;

  /** The sender's log derives it. */
  derive(from: PartitionNo, { to, body }: LinkMessage): void {
    const way = this.#wayOf(from, to);
    way.derived.push(digestOf(Buffer.from(body)));
    this.#compare(from, to, way);
  }

  /**
   * It stands in the receiver's log. What is no link message is refused there. `isErased`: a stand-in for it does, and its
   * sender's log may tell as much as ever.
   */
  hear(to: PartitionNo, { kind, body }: LogRecord, isErased = false): void {
    const link = kind === "link" ? decodeLink(readJson(body)) : undefined;
    if (link === undefined) return;
    const way = this.#wayOf(link.from, to);
    way.standing.push(isErased ? ERASED : digestOf(body));
    this.#compare(link.from, to, way);
  }

  get report(): LinkReport {
    return { compared: this.#compared, wrong: this.#wrong.differences };
  }

  #wayOf(from: PartitionNo, to: PartitionNo): Way {
    const key = `${from} ${to}`;
    const way = this.#ways.get(key) ?? { paired: 0, derived: [], standing: [] };
    this.#ways.set(key, way);
    return way;
  }

  #compare(from: PartitionNo, to: PartitionNo, way: Way): void {
    while (way.derived.length > 0 && way.standing.length > 0) {
      way.paired += 1;
      const n = way.paired;
      const [derived, standing] = [way.derived.shift(), way.standing.shift()];
      if (standing === ERASED) continue;
      this.#compared += 1;
      if (derived === standing) continue;
      this.#wrong.add(
        () => `message ${n} from partition ${from} to ${to} is not what the log of partition ${from} derives`,
      );
    }
  }
}

function digestOf(body: Uint8Array): string {
  return createHash("sha256").update(body).digest("base64").slice(0, 22);
}

function readJson(body: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(body));
  } catch {
    return undefined;
  }
}
