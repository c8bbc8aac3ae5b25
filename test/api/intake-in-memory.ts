// Logs in memory, for tests of the routes that take events: what was stored, in which order, and how it can go wrong.
import { partitionOf } from "../../lib/core/ids.ts";
import type { JsonObject } from "../../lib/core/types.ts";
import type { EventIntake, EventToStore, Taken } from "../../lib/ports/intake.ts";

const PARTITIONS = 4;

export class IntakeInMemory implements EventIntake {
  readonly stored: EventToStore[] = [];
  /** How the next ones end, instead of being stored. */
  readonly ends: Taken[] = [];
  /** While it is set, nobody is answered. */
  held: Promise<void> | undefined;
  /** Being asked for and not answered. */
  waiting = 0;

  async store(event: EventToStore): Promise<Taken> {
    this.waiting += 1;
    await this.held;
    this.waiting -= 1;
    const end = this.ends.shift();
    if (end !== undefined) return end;
    this.stored.push(event);
    return { kind: "stored", partition: partitionOf(event.id, PARTITIONS), seq: this.stored.length };
  }

  /** Nobody is answered until it is released. */
  hold(): { release(): void } {
    let release = (): void => {};
    this.held = new Promise((resolve) => {
      release = () => {
        this.held = undefined;
        resolve();
      };
    });
    return { release };
  }

  /** The bodies of those stored, as they were read back. */
  messages(): JsonObject[] {
    return this.stored.map(({ body }) => JSON.parse(body) as JsonObject);
  }
}
