// Owners and logs of all partitions in memory: real machines behind real desks, so that what profiles, search and the
// catalogue say follows from the messages that a test tells. Stands in for NATS and its workers.
import { Answers } from "../../actors/partition/answers.ts";
import type { Shelf } from "../../actors/partition/shelf.ts";
import type { PeopleSource } from "../../lib/api/profiles/people.ts";
import { partitionOf } from "../../lib/core/ids.ts";
import type { JsonObject, LogRecord } from "../../lib/core/types.ts";
import type { Question } from "../../lib/ports/questions.ts";
import { MachineCluster } from "../support/machine-cluster.ts";

const NO_SHELF = { has: () => false, spill: () => undefined } as unknown as Shelf;

/** As questions.ts of lib/nats fails, and as routes know it. */
class QuestionFailed extends Error {
  override readonly name = "QuestionFailed";
}

export class PeopleInMemory implements PeopleSource {
  readonly partitions: number;
  readonly clock = "log";
  readonly cluster: MachineCluster;
  readonly logs: LogRecord[][];
  /** Partitions whose owner is away. */
  readonly away = new Set<number>();
  /** Messages that were looked up, each time. */
  fetched = 0;
  private readonly desks: readonly Answers[];

  constructor(partitions = 2) {
    this.partitions = partitions;
    this.cluster = new MachineCluster(partitions);
    this.logs = this.cluster.machines.map(() => []);
    this.cluster.onRecord = (partition, record) => void this.logs[partition]!.push(record);
    this.desks = this.cluster.machines.map((machine) => {
      const runtime = { after: () => ({ cancel: () => undefined }) };
      return new Answers({ machine, shelf: NO_SHELF, runtime, status: noStatus, wake: () => undefined });
    });
  }

  event(user: string, body: JsonObject): void {
    this.cluster.stamp += 1_000;
    this.cluster.event(user, body);
  }

  readonly questions: PeopleSource["questions"] = {
    about: (question) => this.ask(partitionOf(question.id, this.partitions), question),
    search: (partition, asked, cursor, limit) => this.ask(partition, { op: "search", asked, cursor, limit }),
  };

  readonly log: PeopleSource["log"] = {
    at: async (partition, seqs) => {
      this.fetched += seqs.length;
      return seqs.map((seq) => this.logs[partition]!.find((record) => record.seq === seq));
    },
    between: async (partition, from, to) => this.logs[partition]!.filter(({ seq }) => seq >= from && seq <= to),
    bounds: async (partition) => {
      const last = this.logs[partition]!.at(-1)?.seq ?? 0;
      return { first: this.logs[partition]![0]?.seq ?? last + 1, last };
    },
  };

  // biome-ignore lint/suspicious/noExplicitAny: the answer is that to the question
  private async ask(partition: number, question: Question): Promise<any> {
    if (this.away.has(partition)) throw new QuestionFailed(`partition ${partition}: no worker owns it just now`);
    const desk = this.desks[partition]!;
    const asked = desk.ask(question);
    await desk.answerNext();
    const reply = await asked;
    if (!reply.ok) throw new QuestionFailed(reply.error);
    // As it travels.
    return JSON.parse(JSON.stringify(reply));
  }
}

function noStatus(): never {
  throw new Error("nobody asks for the status");
}
