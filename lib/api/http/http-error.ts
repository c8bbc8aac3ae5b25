// What is wrong with a request, as the one who sent it reads it: `{error: {code, message, problems?}}`.
// Thrown by routes, answered by server.ts.
import type { Problem } from "../../core/rules/parse/problems.ts";

export class HttpError extends Error {
  readonly statusCode: number;
  readonly code: string;
  readonly problems: readonly Problem[] | undefined;
  /** Seconds until asking again may help, where that is known better than for others of the status. */
  readonly retryAfterS: number | undefined;

  constructor(statusCode: number, code: string, message: string, problems?: readonly Problem[], retryAfterS?: number) {
    super(message);
    this.statusCode = statusCode;
    this.code = code;
    this.problems = problems;
    this.retryAfterS = retryAfterS;
  }
}
