// How long an answer may take, and whether anybody still waits for it. Fastify's own limit, `handlerTimeout`, ends with the
// request, which is over once its body has been read: whatever has a body had none.
import type { FastifyInstance, FastifyReply } from "fastify";
import { HttpError } from "./http-error.ts";
import { tooLate } from "./refusals.ts";

declare module "fastify" {
  interface FastifyContextConfig {
    /** Left out: httpTimeout. */
    answerMsMax?: number;
  }
  interface FastifyRequest {
    /** Aborted once nobody waits for the answer any more, or it has taken too long; of events and decisions never. */
    unheard: AbortSignal;
  }
}

const HEARD = new AbortController().signal;
/** Nobody hears it, and it is no failure. */
const GONE = new HttpError(499, "gone", "Whoever asked has gone.");

/** What a log or one owner answers has a time limit of its own, and is asked too often for a timer more. */
export function addAnswerTime(app: FastifyInstance, timeoutMs: number): void {
  app.decorateRequest("unheard", null as unknown as AbortSignal);
  app.addHook("preHandler", (request, reply, done) => {
    const { needs, answerMsMax = timeoutMs } = request.routeOptions.config;
    request.unheard = needs === "ingest" || needs === "decide" ? HEARD : unheardAfter(answerMsMax, reply);
    done();
  });
}

function unheardAfter(ms: number, reply: FastifyReply): AbortSignal {
  const controller = new AbortController();
  const timer = setTimeout(() => {
    const late = tooLate();
    // Whoever has begun to answer says it in the answer.
    if (!reply.sent && !reply.raw.headersSent) reply.send(late);
    controller.abort(late);
  }, ms);
  reply.raw.once("close", () => {
    clearTimeout(timer);
    controller.abort(GONE);
  });
  return controller.signal;
}
