// Whether an answer is as the OpenAPI document says of its route: its status, its type, its shape; and whether it tells what
// is none of the asker's business. Asked by suite.ts and by test/fuzz.
import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js";
import type { NamedOperation } from "./operations.ts";

export interface Answer {
  readonly status: number;
  readonly type: string;
  readonly text: string;
}

/** A place in a program: whoever asks learns nothing from it but how to attack. */
export const STACK = /\n\s+at |node_modules|\.[jt]s:\d|\bnode:[a-z]|file:\/\//;

export const IS_JSON = /^application\/(\w+\+)?json/;
const SHOWN_MAX = 500;

export class Answers {
  private readonly ajv = new Ajv2020({ strict: false, validateFormats: false, allErrors: true });
  private readonly validators = new Map<string, ValidateFunction>();

  constructor(document: Readonly<Record<string, unknown>>) {
    this.ajv.addSchema({ ...document, $id: "openapi" });
  }

  /** What is wrong with it, in words; undefined when nothing is. */
  wrongWith(asked: NamedOperation, { status, type, text }: Answer): string | undefined {
    const documented = asked.operation.responses[status];
    if (documented === undefined) return `${status} is not in the document: ${text.slice(0, SHOWN_MAX)}`;
    if (STACK.test(text)) return `it tells a place in a program: ${text.slice(0, SHOWN_MAX)}`;
    const expected = Object.keys(documented.content ?? {});
    if (!expected.some((one) => type.startsWith(one))) return `${type} is not ${expected.join(", ")}`;
    return IS_JSON.test(type)
      ? this.wrongShape(this.validatorOf(asked, status, expected[0]!), status, text)
      : undefined;
  }

  /** The same of what no route answered: what the document calls an error. */
  wrongError(text: string): string | undefined {
    return STACK.test(text)
      ? `it tells a place in a program: ${text.slice(0, SHOWN_MAX)}`
      : this.wrongShape(this.compiled("error", { $ref: "openapi#/components/schemas/Error" }), 400, text);
  }

  private wrongShape(validate: ValidateFunction, status: number, text: string): string | undefined {
    const body = jsonOf(text) as { readonly error?: unknown } | undefined;
    if (body === undefined) return `it says that it is JSON: ${text.slice(0, SHOWN_MAX)}`;
    if (!validate(body)) return `${this.ajv.errorsText(validate.errors)} in ${text.slice(0, SHOWN_MAX)}`;
    return status < 400 && body?.error !== undefined ? `${status} with ${text.slice(0, SHOWN_MAX)}` : undefined;
  }

  private validatorOf({ name, operation }: NamedOperation, status: number, type: string): ValidateFunction {
    return this.compiled(`${name} ${status}`, operation.responses[status]!.content![type]!.schema);
  }

  private compiled(key: string, schema: object): ValidateFunction {
    const known = this.validators.get(key);
    if (known !== undefined) return known;
    const made = this.ajv.compile(JSON.parse(JSON.stringify(schema).replaceAll('"#/', '"openapi#/')) as object);
    this.validators.set(key, made);
    return made;
  }
}

/** Undefined: it is no JSON. */
export function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
