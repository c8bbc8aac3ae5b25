// What is wrong with a request, as the one who sent it reads it: `{error: {code, message, problems?}}`.
// Thrown by routes, answered by server.ts.
import type { Problem } from "../../core/rules/parse/problems.ts";

export class HttpError extends Error {
  readonly statusCode: number;
  readonly code: string;
  readonly problems: readonly Problem[] | undefined;

  constructor(statusCode: number, code: string, message: string, problems?: readonly Problem[]) {
    super(message);
    this.statusCode = statusCode;
    this.code = code;
    this.problems = problems;
  }
}
