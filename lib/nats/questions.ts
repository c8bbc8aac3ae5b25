// Questions to the owners of partitions over plain request and reply: the owner's desk and the client.
// The client knows which partition a user lives in; what concerns all of them it asks all and puts the answers together.
import { headers, type NatsConnection } from "@nats-io/transport-node";
import { partitionOf } from "../core/ids.ts";
import type { AccountUser, SearchAsked } from "../core/partition.ts";
import type { Trace } from "../core/trace.ts";
import type { Json, MemberId, Millis, PartitionNo, SegmentId } from "../core/types.ts";
import {
  type Answering,
  type Answers,
  DECIDE_WAIT_MS_DEFAULT,
  type DecideQuestion,
  type MemberEntry,
  type PartitionStatus,
  type Question,
  type QuestionAbout,
  type QuestionDesk,
  type Reply,
  replyText,
} from "../ports/questions.ts";
import type { Names } from "./names.ts";
import { type Requester, requesterOf } from "./requester.ts";
import { addTrace, traceIn } from "./trace-headers.ts";
import { isInbox } from "./wire.ts";

const ANSWER_TIMEOUT_MS = 5_000;
const MEMBERS_TIMEOUT_MS = 30_000;
const REPLY_BYTES_SPARE = 64 * 1024;
/** They look at many pages, some of which must be read first. */
const LONG: ReadonlySet<Question["op"]> = new Set(["members", "accountUsers", "try", "gather", "rows", "compare"]);

export class NatsQuestionDesk implements QuestionDesk {
  private readonly nc: NatsConnection;
  private readonly subject: string;

  constructor(nc: NatsConnection, names: Names, partition: PartitionNo) {
    this.nc = nc;
    this.subject = names.askSubject(partition);
  }

  answer(reply: (question: Question, trace?: Trace) => Promise<Reply>): Answering {
    const subscription = this.nc.subscribe(this.subject, {
      callback: (error, message) => {
        // A worker may publish where whoever asks may not: it speaks to inboxes alone.
        if (error !== null || !isInbox(message.reply)) return;
        const bytesMax = (this.nc.info?.max_payload ?? 1024 * 1024) - REPLY_BYTES_SPARE;
        const trace = traceIn(message);
        const answer = (question: Question): Promise<Reply> => reply(question, trace);
        void replyText(message.string(), answer, bytesMax).then((text) => message.respond(text));
      },
    });
    return { stop: () => subscription.unsubscribe() };
  }
}

/** A partition did not answer, or said why it cannot. */
export class QuestionFailed extends Error {
  override readonly name = "QuestionFailed";
  readonly partition: PartitionNo;

  constructor(partition: PartitionNo, why: string, options?: ErrorOptions) {
    super(`partition ${partition}: ${why}`, options);
    this.partition = partition;
  }
}

export interface Members {
  readonly size: number;
  /** By id. Cut at the limit; each partition's share is consistent with that partition's position. */
  readonly members: readonly MemberEntry[];
  readonly positions: readonly { readonly partition: PartitionNo; readonly position: number; readonly clock: Millis }[];
}

export interface Sizes {
  readonly universe: number;
  readonly sizes: Readonly<Record<SegmentId, number>>;
}

/** Null in place of a status: nobody answers for that partition. */
export type ClusterStatus = readonly (PartitionStatus | null)[];

export class Questions {
  private readonly requester: Requester;
  private readonly names: Names;
  readonly partitions: number;
  private readonly traceNow: () => Trace | undefined;

  /** `traceNow` gives the trace that a question goes on with. */
  constructor(
    nc: NatsConnection,
    names: Names,
    partitions: number,
    traceNow: () => Trace | undefined = () => undefined,
  ) {
    this.requester = requesterOf(nc);
    this.names = names;
    this.partitions = partitions;
    this.traceNow = traceNow;
  }

  user(id: MemberId): Promise<Answers["user"]> {
    return this.ask(partitionOf(id, this.partitions), { op: "user", id });
  }

  account(id: MemberId): Promise<Answers["account"]> {
    return this.ask(partitionOf(id, this.partitions), { op: "account", id });
  }

  /** Of all partitions, by id: the account's users, or those for whom one `users` rule holds, named by its text. */
  async accountUsers(account: MemberId, limit = 1_000, rule?: string): Promise<readonly AccountUser[]> {
    const answers = await this.askAll({
      op: "accountUsers",
      account,
      limit,
      ...(rule === undefined ? {} : { rule }),
    });
    return answers
      .flatMap(({ users }) => users)
      .sort((a, b) => compareText(a.id, b.id))
      .slice(0, limit);
  }

  /** Read your writes: `after` is the number that the log gave the user's message. */
  decide(id: MemberId, options: Omit<DecideQuestion, "op" | "id"> = {}): Promise<Answers["decide"]> {
    return this.ask(partitionOf(id, this.partitions), { op: "decide", id, ...options });
  }

  explain(segment: SegmentId, id: MemberId): Promise<Answers["explain"]> {
    return this.ask(partitionOf(id, this.partitions), { op: "explain", segment, id });
  }

  /** One slice of a trial in one partition; lib/api/segments/trial.ts goes on from its cursor. */
  tryOut(partition: PartitionNo, definition: Json, cursor: number, samples: number): Promise<Answers["try"]> {
    return this.ask(partition, { op: "try", definition, cursor, samples });
  }

  /** Of one member: a part of what is known of them. */
  about<Q extends QuestionAbout>(question: Q): Promise<Answers[Q["op"]]> {
    return this.ask(partitionOf(question.id, this.partitions), question);
  }

  /** One slice of a search in one partition; lib/api/profiles/search.ts goes on from its cursor. */
  search(partition: PartitionNo, asked: SearchAsked, cursor: number, limit: number): Promise<Answers["search"]> {
    return this.ask(partition, { op: "search", asked, cursor, limit });
  }

  /** One slice of the walk for the members of a set; lib/api/audience/members.ts goes on from its cursor. */
  gather(partition: PartitionNo, asked: Omit<Extract<Question, { op: "gather" }>, "op">): Promise<Answers["gather"]> {
    return this.ask(partition, { op: "gather", ...asked });
  }

  /** Columns of members, of one partition each. */
  rows(partition: PartitionNo, asked: Omit<Extract<Question, { op: "rows" }>, "op">): Promise<Answers["rows"]> {
    return this.ask(partition, { op: "rows", ...asked });
  }

  /** One slice of a comparison in one partition; lib/api/audience/comparing.ts adds them up. */
  compare(
    partition: PartitionNo,
    asked: Omit<Extract<Question, { op: "compare" }>, "op">,
  ): Promise<Answers["compare"]> {
    return this.ask(partition, { op: "compare", ...asked });
  }

  /** Members of a segment in each partition. */
  async sizesOf(segment: SegmentId): Promise<readonly number[]> {
    return (await this.askAll({ op: "sizes" })).map(({ sizes }) =>
      Object.hasOwn(sizes, segment) ? sizes[segment]! : 0,
    );
  }

  async members(segment: SegmentId, limit = 1_000): Promise<Members> {
    const answers = await this.askAll({ op: "members", segment, limit });
    const members = answers.flatMap((answer) => answer.members).sort((a, b) => compareText(a.id, b.id));
    return {
      size: sum(answers.map((answer) => answer.size)),
      members: members.slice(0, limit),
      positions: answers.map(({ position, clock }, partition) => ({ partition, position, clock })),
    };
  }

  async sizes(): Promise<Sizes> {
    const answers = await this.askAll({ op: "sizes" });
    // A segment may be called "constructor".
    const sizes: Record<SegmentId, number> = Object.create(null);
    for (const answer of answers) {
      for (const [segment, size] of Object.entries(answer.sizes)) sizes[segment] = (sizes[segment] ?? 0) + size;
    }
    return { universe: sum(answers.map((answer) => answer.universe)), sizes };
  }

  async status(): Promise<ClusterStatus> {
    return Promise.all(this.everyPartition().map((partition) => this.statusOf(partition)));
  }

  /** Null where nobody answers. */
  statusOf(partition: PartitionNo): Promise<PartitionStatus | null> {
    return this.ask(partition, { op: "status" }).then(
      (answer) => answer.status,
      () => null,
    );
  }

  private askAll<Q extends Question>(question: Q): Promise<Answers[Q["op"]][]> {
    return Promise.all(this.everyPartition().map((partition) => this.ask(partition, question)));
  }

  private everyPartition(): PartitionNo[] {
    return Array.from({ length: this.partitions }, (_, partition) => partition);
  }

  private async ask<Q extends Question>(partition: PartitionNo, question: Q): Promise<Answers[Q["op"]]> {
    const reply = await this.request(partition, question);
    if (!reply.ok) throw new QuestionFailed(partition, reply.error);
    return reply as unknown as Answers[Q["op"]];
  }

  private async request(partition: PartitionNo, question: Question): Promise<Reply> {
    const trace = this.traceNow();
    const answer = await this.requester.ask({
      subject: this.names.askSubject(partition),
      payload: JSON.stringify(question),
      timeoutMs: patienceMs(question),
      headers: trace === undefined ? undefined : addTrace(headers(), trace),
    });
    if (answer.kind === "message") return answer.message.json<Reply>();
    if (answer.kind === "nobody") {
      throw new QuestionFailed(partition, "no worker owns it just now; start one, or wait until it has restored");
    }
    throw new QuestionFailed(partition, "its owner did not answer in time", { cause: answer.error });
  }
}

function patienceMs(question: Question): number {
  if (question.op === "decide" && question.after !== undefined) {
    return ANSWER_TIMEOUT_MS + (question.waitMs ?? DECIDE_WAIT_MS_DEFAULT);
  }
  return LONG.has(question.op) ? MEMBERS_TIMEOUT_MS : ANSWER_TIMEOUT_MS;
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
