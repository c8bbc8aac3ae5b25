// The contract: every route of the document, asked as it says and in every way in which it can be asked wrongly. Whatever
// comes back must be documented: its status, its type, its shape. Run against memory and against NATS.
import { expect } from "vitest";
import { type Answer, Answers } from "./answers.ts";
import { type NamedOperation, operationsOf } from "./operations.ts";
import { badRequests, goodRequest, goodRequestsOfOtherTypes, type RequestCase } from "./requests.ts";

export interface Served {
  readonly url: string;
  /** Of a key of role admin that shows personal data. */
  readonly authorization: string;
}

const ANSWER_MS_MAX = 30_000;

export class Contract {
  readonly operations: readonly NamedOperation[];
  private readonly served: Served;
  private readonly answers: Answers;

  private constructor(served: Served, document: Readonly<Record<string, unknown>>) {
    this.served = served;
    this.operations = operationsOf(document);
    this.answers = new Answers(document);
  }

  static async of(served: Served): Promise<Contract> {
    const response = await fetch(`${served.url}/openapi.json`, { headers: { authorization: served.authorization } });
    expect(response.status).toBe(200);
    return new Contract(served, (await response.json()) as Record<string, unknown>);
  }

  async good(operation: NamedOperation): Promise<void> {
    for (const request of [goodRequest(operation), ...goodRequestsOfOtherTypes(operation)]) await this.check(request);
  }

  /** How many there were. */
  async bad(operation: NamedOperation): Promise<number> {
    const requests = badRequests(operation);
    for (const request of requests) await this.check(request);
    return requests.length;
  }

  private async check(request: RequestCase): Promise<void> {
    const what = `${request.operation.name}, ${request.name}`;
    const answer = await this.ask(request);
    expect(request.right, `${what}: ${answer.text.slice(0, 300)}`).toContain(answer.status);
    expect(this.answers.wrongWith(request.operation, answer), what).toBeUndefined();
  }

  private async ask({ operation, path, body, type, anonymous }: RequestCase): Promise<Answer> {
    const response = await fetch(this.served.url + path, {
      method: operation.method,
      headers: {
        ...(anonymous === true ? {} : { authorization: this.served.authorization }),
        ...(type === undefined ? {} : { "content-type": type }),
      },
      ...(body === undefined ? {} : { body }),
      signal: AbortSignal.timeout(ANSWER_MS_MAX),
    });
    const answered = response.headers.get("content-type") ?? "";
    // A stream of events has no end: that it has begun is its answer.
    if (answered.startsWith("text/event-stream")) {
      await response.body?.cancel();
      return { status: response.status, type: answered, text: "" };
    }
    return { status: response.status, type: answered, text: await response.text() };
  }
}
