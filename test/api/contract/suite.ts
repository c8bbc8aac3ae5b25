// The contract: every route of the document, asked as it says and in every way in which it can be asked wrongly. Whatever
// comes back must be documented: its status, its type, its shape. Run against memory and against NATS.
import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js";
import { expect } from "vitest";
import { type NamedOperation, operationsOf } from "./operations.ts";
import { badRequests, goodRequest, goodRequestsOfOtherTypes, type RequestCase } from "./requests.ts";

export interface Served {
  readonly url: string;
  /** Of a key of role admin that shows personal data. */
  readonly authorization: string;
}

const STACK = /\n\s+at |node_modules|\.[jt]s:\d/;
const ANSWER_MS_MAX = 30_000;

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly text: string;
}

export class Contract {
  readonly operations: readonly NamedOperation[];
  private readonly served: Served;
  private readonly ajv = new Ajv2020({ strict: false, validateFormats: false, allErrors: true });
  private readonly validators = new Map<string, ValidateFunction>();

  private constructor(served: Served, document: Readonly<Record<string, unknown>>) {
    this.served = served;
    this.operations = operationsOf(document);
    this.ajv.addSchema({ ...document, $id: "openapi" });
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
    const { status, type, text } = await this.ask(request);
    expect(request.right, `${what}: ${text.slice(0, 300)}`).toContain(status);
    const documented = request.operation.operation.responses[status];
    expect(documented, `${what}: ${status} is not in the document`).toBeDefined();
    expect(text, what).not.toMatch(STACK);
    const expected = Object.keys(documented!.content ?? {});
    expect(
      expected.some((one) => type.startsWith(one)),
      `${what}: ${type} is not ${expected.join(", ")}`,
    ).toBe(true);
    if (!/^application\/(\w+\+)?json/.test(type)) return;
    const validate = this.validatorOf(request.operation, status, expected[0]!);
    const body = JSON.parse(text) as { readonly error?: unknown };
    expect(validate(body), `${what}: ${this.ajv.errorsText(validate.errors)} in ${text.slice(0, 500)}`).toBe(true);
    expect(status >= 400, what).toBe(body.error !== undefined);
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

  private validatorOf({ name, operation }: NamedOperation, status: number, type: string): ValidateFunction {
    const key = `${name} ${status}`;
    const known = this.validators.get(key);
    if (known !== undefined) return known;
    const { schema } = operation.responses[status]!.content![type]!;
    const made = this.ajv.compile(JSON.parse(JSON.stringify(schema).replaceAll('"#/', '"openapi#/')) as object);
    this.validators.set(key, made);
    return made;
  }
}
