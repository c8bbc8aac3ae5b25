// Publishes that a stream acknowledges, thousands at the same time. For intake.ts; what is said now and then goes through
// `publish` of wire.ts, which ends in the same words.
import type { MsgHdrs, NatsConnection } from "@nats-io/transport-node";
import type { Published } from "../ports/publishing.ts";
import { type Answer, type Requester, requesterOf } from "./requester.ts";
import { classify, classifyFailure, NO_STREAM, REQUEST_TIMEOUT_MS } from "./wire.ts";

export class AckedPublisher {
  private readonly requester: Requester;
  private readonly timeoutMs: number;

  constructor(nc: NatsConnection, timeoutMs = REQUEST_TIMEOUT_MS) {
    this.requester = requesterOf(nc);
    this.timeoutMs = timeoutMs;
  }

  /** Never throws. */
  async publish(subject: string, payload: string, headers: MsgHdrs): Promise<Published> {
    return publishedOf(await this.requester.ask({ subject, payload, headers, timeoutMs: this.timeoutMs }));
  }
}

function publishedOf(answer: Answer): Published {
  switch (answer.kind) {
    case "message":
      return classify(answer.message);
    case "nobody":
      return NO_STREAM;
    case "unsent":
      return classifyFailure(answer.error);
    case "unanswered":
      return { kind: "unknown", reason: answer.error.message };
  }
}
