// What a definition would do, before anybody applies it: whether it is sound, what it says and costs, whom it would take in,
// and what it would have done. Nothing is changed by any of these. Asked of lib/api/segments/candidates.ts.
//
// What a definition says of itself is read. Whom it takes in tells what is known of them, one rule after the other, so trying it
// needs the right to make it.

import type { BacktestReport } from "../../backtest/backtest.ts";
import type { Candidate, Played } from "../../backtest/played.ts";
import type { TrialPart } from "../../core/partition.ts";
import { namesWritten, warningsOfUnseen } from "../../core/rules/checks/seen.ts";
import { definitionSentence } from "../../core/rules/words/sentence.ts";
import type { JsonObject } from "../../core/types.ts";
import { moment } from "../audience/shapes.ts";
import type { RouteGroup } from "../http/api.ts";
import { HttpError } from "../http/http-error.ts";
import { lines } from "../http/line-stream.ts";
import { errorOut } from "../http/refusals.ts";
import {
  BacktestAnswer,
  BacktestIn,
  CheckIn,
  CheckOut,
  SentenceOut,
  StreamQuery,
  TrialAnswer,
  TryIn,
} from "../schemas/candidates.ts";
import { refusals } from "../schemas/common.ts";
import { idOut, type Masking, trialMasked } from "../security/masking.ts";
import { saidOfDefinition } from "../segments/said.ts";
import { considered, readable } from "../segments/segment-changes.ts";
import type { TrialProgress } from "../segments/trial.ts";
import { isAnybodyKnown } from "./segments.ts";

const SAMPLES_DEFAULT = 5;
const DAYS_DEFAULT = 30;
const DAY_MS = 86_400_000;
/** For an answer that comes line by line; one that comes as a whole has the usual time. */
const LINES_MS_MAX = 600_000;
const ASKS = "It only asks.";

export const candidateRoutes: RouteGroup = (app, services) => {
  const { catalogue, candidates, limits, http } = services;

  /** Sound in itself and beside all others. */
  const candidateOf = (source: JsonObject): Candidate => {
    const definition = readable(source, limits);
    const { problems } = considered(services, { definitions: [source] });
    if (problems.length > 0) throw new HttpError(422, "bad-definition", "It cannot be tried as it is.", problems);
    return { source, definition };
  };

  app.post(
    "/v1/segments/validate",
    {
      config: { needs: "read" },
      schema: {
        "x-not-audited": ASKS,
        tags: ["candidates"],
        summary: "Whether a definition could be applied, what it says in plain words, and what it would cost",
        body: CheckIn,
        response: { 200: CheckOut },
      },
    },
    async ({ body: { definition: source } }) => {
      const wanted = { definitions: [source], hasHistory: await isAnybodyKnown(services) };
      const { plan, problems, warnings } = considered(services, wanted);
      const change = (["created", "changed", "unchanged"] as const).find((name) => plan[name].length > 0);
      const valid = problems.length === 0;
      if (change === undefined) return { valid, change: "none", problems, warnings, cost: null, sentence: null };
      const definition = readable(source, limits);
      const seen = namesWritten(definition).length > 0 ? await candidates.seenNames() : undefined;
      return {
        valid,
        change: change === "created" ? "new" : change,
        problems,
        warnings: [...warnings, ...(seen === undefined ? [] : warningsOfUnseen(definition, seen))],
        cost: plan.costs.get(definition.id) ?? costOf(definition),
        sentence: definitionSentence(definition),
      };
    },
  );

  app.post(
    "/v1/segments/sentence",
    {
      config: { needs: "read" },
      schema: {
        "x-not-audited": ASKS,
        tags: ["candidates"],
        summary: "A definition in plain words, looked at by itself alone",
        body: CheckIn,
        response: { 200: SentenceOut, ...refusals(422) },
      },
    },
    async ({ body }) => {
      const definition = readable(body.definition, limits);
      const { id, name, kind } = definition;
      return { id, name, kind, sentence: definitionSentence(definition) };
    },
  );

  app.post(
    "/v1/segments/try",
    {
      config: { needs: "build", answerMsMax: LINES_MS_MAX },
      schema: {
        "x-not-audited": ASKS,
        tags: ["candidates"],
        summary: "Who would be in, how many pass each node of the rule, and who misses it by one",
        querystring: StreamQuery,
        body: TryIn,
        response: { 200: TrialAnswer, ...refusals(422) },
      },
    },
    async ({ body, query, masking, unheard: signal }, reply) => {
      const { definition: source, samples = SAMPLES_DEFAULT, history = false } = body;
      const candidate = candidateOf(source);
      const out = (part: TrialPart) => trialOut(candidate, part, versionInForce(candidate), masking);
      const run = async (say: (line: () => object) => void, until: AbortSignal): Promise<object> => {
        const played = (progress: Played) => say(() => ({ progress }));
        const tried = ({ looked, universe, soFar }: TrialProgress) =>
          say(() => ({ progress: { done: looked, total: universe }, partial: out(soFar()) }));
        const part = history
          ? await candidates.tryExactly(candidate, samples, { onProgress: played, signal: until })
          : await candidates.tryOut(candidate, samples, { onProgress: tried, signal: until });
        return out(part);
      };
      if (query.stream !== true) return run(() => {}, inTime(signal));
      reply.type("application/x-ndjson");
      return reply.send(lines({ run: (say) => run(say, signal), errorOut }));
    },
  );

  app.post(
    "/v1/segments/backtest",
    {
      config: { needs: "build", answerMsMax: LINES_MS_MAX },
      schema: {
        "x-not-audited": ASKS,
        tags: ["candidates"],
        summary: "What a definition would have done in the last days, from the logs",
        description: "One at a time in each process: another one is answered 503 `busy`.",
        querystring: StreamQuery,
        body: BacktestIn,
        response: { 200: BacktestAnswer, ...refusals(422) },
      },
    },
    async ({ body, query, masking, unheard: signal }, reply) => {
      const { definition: source, days = DAYS_DEFAULT } = body;
      const candidate = candidateOf(source);
      const to = Date.now();
      const span = { from: to - days * DAY_MS, to };
      const run = async (say: (line: () => object) => void, until: AbortSignal): Promise<object> => {
        const onProgress = (progress: Played) => say(() => ({ progress }));
        const report = await candidates.backtest(candidate, span, { onProgress, signal: until });
        return { ...backtestOut(candidate, report, masking), cost: costOf(candidate.definition) };
      };
      if (query.stream !== true) return run(() => {}, inTime(signal));
      reply.type("application/x-ndjson");
      return reply.send(lines({ run: (say) => run(say, signal), errorOut }));
    },
  );

  function inTime(signal: AbortSignal): AbortSignal {
    return AbortSignal.any([signal, AbortSignal.timeout(http.timeoutMs)]);
  }

  function costOf(definition: Candidate["definition"]) {
    return saidOfDefinition(definition, catalogue.state.newestVocabulary, catalogue.state).cost;
  }

  function versionInForce({ definition: { id } }: Candidate): number | null {
    const entry = catalogue.entry(id);
    return entry?.state === "live" || entry?.state === "disabled" ? entry.version : null;
  }
};

function trialOut({ definition }: Candidate, part: TrialPart, against: number | null, masking: Masking): object {
  return { segment: definition.id, kind: definition.kind, against, ...trialMasked(part, masking) };
}

function backtestOut({ definition }: Candidate, report: BacktestReport, masking: Masking): object {
  const { from, to, flapping } = report;
  const most = flapping.most.map(({ id, joins }) => ({ id: idOut(id, masking), joins }));
  return {
    segment: definition.id,
    kind: definition.kind,
    ...report,
    from: moment(from),
    to: moment(to),
    flapping: { ...flapping, most },
  };
}
