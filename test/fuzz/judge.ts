// What is held against every answer: that it came, that the document knows it, and that it tells nothing of how we are made.
// fuzz.ts asks; the shapes are those of the contract test (test/api/contract/answers.ts).
import { Answers, IS_JSON } from "../api/contract/answers.ts";
import { type NamedOperation, operationsOf } from "../api/contract/operations.ts";
import type { Sent, Shot } from "./shots.ts";
import type { Answered, Outcome } from "./wire.ts";

/** Refusals of what is no request of any route: by us or by the parser of HTTP. */
const OF_NO_ROUTE: ReadonlySet<number> = new Set([400, 401, 403, 404, 405, 408, 413, 414, 415, 417, 429, 431, 505]);
/**
 * Of them those that a request to a known route may get before it is looked at: its path, its headers, its slowness, and
 * a body where none is taken.
 */
const OF_ANY_ROUTE: ReadonlySet<number> = new Set([400, 408, 413, 414, 415, 431]);
/** Words of errors that are nobody's but a programmer's. */
const INSIDE =
  /TypeError|RangeError|ReferenceError|is not a function|is not iterable|Cannot (read|convert|destructure|set)|FST_ERR|ERR_[A-Z]+_|ECONN|\[object |JetStream|NatsError|no responders|\bundefined\b/;
/** As much as anybody sends who goes on sending after a refusal: the answer may be lost with the connection. */
const BYTES_UNREAD_MAX = 60_000;

/** Where a fault lies, and in which words; each kind is told once. */
export interface Fault {
  readonly kind: string;
  readonly text: string;
}

export class Judge {
  readonly operations: readonly NamedOperation[];
  private readonly answers: Answers;

  constructor(document: Readonly<Record<string, unknown>>) {
    this.operations = operationsOf(document);
    this.answers = new Answers(document);
  }

  faultsOf(shot: Shot, { answers, end, rest, tookMs }: Outcome): Fault[] {
    const faults = answers.flatMap((answer, index) => this.faultOf(shot, shot.requests[index], answer) ?? []);
    if (end === "late")
      faults.push(fault(`late ${shot.name}`, `no answer after ${Math.round(tookMs)} ms; what came: ${rest}`));
    if (end === "garbled") faults.push(fault(`garbled ${shot.name}`, `what came is no HTTP: ${rest}`));
    // One that is refused before it is read whole ends its connection; what was sent behind it is not answered.
    const bytes = shot.pieces.reduce((sum, piece) => sum + piece.bytes.length, 0);
    const isCut = answers.at(-1)?.headers.connection === "close" || bytes > BYTES_UNREAD_MAX;
    if (end === "closed" && !shot.isBroken && !isCut)
      faults.push(
        fault(`closed ${shot.name}`, `the connection ended after ${answers.length} answers of ${shot.requests.length}`),
      );
    return faults;
  }

  private faultOf(shot: Shot, sent: Sent | undefined, answer: Answered): Fault | undefined {
    const { status, text } = answer;
    const name = sent === undefined ? shot.name : `${sent.method} ${this.routeOf(sent)?.path ?? "nowhere"}`;
    const wrong = sent === undefined ? this.wrongOfBroken(answer) : this.wrongOf(sent, answer);
    if (wrong !== undefined) return fault(`${status} ${name}: ${wrong.slice(0, 40)}`, wrong);
    if (status >= 400 && INSIDE.test(text) && !isEcho(text, sent))
      return fault(`inside ${name}`, `it tells of our inside: ${text.slice(0, 500)}`);
    return undefined;
  }

  private wrongOfBroken({ status, headers, text }: Answered): string | undefined {
    if (status < 300) return undefined;
    if (!OF_NO_ROUTE.has(status) && status !== 503) return `status ${status}: ${text.slice(0, 300)}`;
    // Node itself refuses a request without a host, and one that expects what nobody knows, without a word.
    if ((status === 400 || status === 417) && text === "") return undefined;
    return this.wrongRefusal(headers["content-type"] ?? "", text);
  }

  private wrongOf(sent: Sent, { status, headers, text }: Answered): string | undefined {
    if (status >= 500 && status !== 503) return `status ${status}: ${text.slice(0, 300)}`;
    if (sent.method === "HEAD" || sent.method === "OPTIONS" || sent.target.startsWith("/docs")) return undefined;
    const type = headers["content-type"] ?? "";
    const operation = this.routeOf(sent);
    if (operation !== undefined && operation.operation.responses[status] !== undefined)
      return this.answers.wrongWith(operation, { status, type, text });
    if (operation !== undefined && status !== 404 && !OF_NO_ROUTE.has(status))
      return `${status} is not in the document: ${text.slice(0, 300)}`;
    // A route that takes no parameters knows no 400; a path that cannot be read, and headers that are too large, belong to none.
    if (operation !== undefined && !OF_ANY_ROUTE.has(status))
      return `${status} is not in the document of ${operation.name}: ${text.slice(0, 300)}`;
    if (!OF_NO_ROUTE.has(status)) return `status ${status} at no route: ${text.slice(0, 300)}`;
    return this.wrongRefusal(type, text);
  }

  private wrongRefusal(type: string, text: string): string | undefined {
    return IS_JSON.test(type) ? this.answers.wrongError(text) : `a refusal of type "${type}": ${text.slice(0, 300)}`;
  }

  /** As the router finds it: parts decoded, what is fixed before what is named. */
  routeOf({ method, target }: Sent): NamedOperation | undefined {
    const parts = target.split(/[?#]/)[0]!.split("/").map(decoded);
    const fitting = this.operations.filter((one) => one.method === method && fits(one.path.split("/"), parts));
    return fitting.sort((a, b) => a.path.split("{").length - b.path.split("{").length)[0];
  }
}

function fits(template: readonly string[], parts: readonly string[]): boolean {
  return (
    template.length === parts.length &&
    template.every((one, index) => (one.startsWith("{") ? parts[index] !== "" : one === parts[index]))
  );
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/** Whoever sends "undefined" is told of it. */
function isEcho(text: string, sent: Sent | undefined): boolean {
  const word = INSIDE.exec(text)![0];
  return sent !== undefined && (sent.target.includes(word) || sent.plain?.includes(word) === true);
}

function fault(kind: string, text: string): Fault {
  return { kind, text };
}
