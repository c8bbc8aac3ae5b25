// The owners of partitions as whoever asks all of them sees them, over machines in memory that let pages go: the questions
// are answered by the same code as in a worker, slice by slice.
import { Answers } from "../../actors/partition/answers.ts";
import type { Shelf } from "../../actors/partition/shelf.ts";
import { systemRuntime } from "../../actors/worker/system-runtime.ts";
import type { EvictedPage, PageNo } from "../../lib/core/partition.ts";
import type { AnswerTo, Question } from "../../lib/ports/questions.ts";
import type { Rig } from "../laws/rig.ts";

export class AskedRigs {
  readonly partitions: number;
  /** Before each answer: what happens between two slices. */
  between: () => void = () => {};
  /** The most pages that any slice has looked at. */
  pagesMax = 0;
  slices = 0;
  readonly #rigs: readonly Rig[];

  constructor(rigs: readonly Rig[]) {
    this.#rigs = rigs;
    this.partitions = rigs.length;
  }

  gather(partition: number, asked: Omit<Extract<Question, { op: "gather" }>, "op">) {
    return this.ask(partition, { op: "gather", ...asked });
  }

  rows(partition: number, asked: Omit<Extract<Question, { op: "rows" }>, "op">) {
    return this.ask(partition, { op: "rows", ...asked });
  }

  compare(partition: number, asked: Omit<Extract<Question, { op: "compare" }>, "op">) {
    return this.ask(partition, { op: "compare", ...asked });
  }

  async sizesOf(segment: string): Promise<number[]> {
    return this.#rigs.map(({ machine }) => machine.sizes().get(segment) ?? 0);
  }

  async ask<Q extends Question>(partition: number, question: Q): Promise<AnswerTo<Q>> {
    this.between();
    const rig = this.#rigs[partition]!;
    let pages = 0;
    const shelf = {
      has: () => true,
      load: async (page: PageNo) => {
        rig.provide(page);
        return new Uint8Array();
      },
      spill: (evicted: readonly EvictedPage[]) => {
        pages += 1;
        rig.keep(evicted);
      },
    } as unknown as Shelf;
    const answers = new Answers({
      machine: rig.machine,
      shelf,
      runtime: systemRuntime,
      wake: () => {},
      status: () => {
        throw new Error("nobody asks for the status");
      },
    });
    const reply = answers.ask(JSON.parse(JSON.stringify(question)) as Question);
    await answers.answerNext();
    const answer = await reply;
    this.slices += 1;
    if (question.op !== "rows") this.pagesMax = Math.max(this.pagesMax, pages);
    if (!answer.ok) throw new Error(answer.error);
    return JSON.parse(JSON.stringify(answer)) as AnswerTo<Q>;
  }
}
