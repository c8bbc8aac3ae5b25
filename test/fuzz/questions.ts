// The questions that go over NATS, asked wrongly: endpoints of the service (ask.v1.…), owners of partitions (ask.<p>), discovery
// ($SRV). Each is answered, in JSON, and tells nothing of our inside. fuzz.ts lets it run beside the rest.
import type { Msg, NatsConnection } from "@nats-io/transport-node";
import { ENDPOINTS } from "../../lib/api/operations/services.ts";
import { fnv1a } from "../../lib/core/ids.ts";
import type { Names } from "../../lib/nats/names.ts";
import { jsonOf, STACK } from "../api/contract/answers.ts";
import { Dice } from "../support/seed.ts";
import type { Fault } from "./judge.ts";
import { bytesOf, mutated, nastyText, Raw, rendered } from "./nasty.ts";

const ANSWER_MS_MAX = 20_000;
const BYTES_SHOWN_MAX = 2_000;

/** Of endpoints whose request has no example. */
const GOOD: Readonly<Record<string, unknown>> = {
  decide: { user: "u1", waitMs: 10 },
  user: { user: "u1" },
  account: { account: "acme" },
  explain: { segment: "fuzz-0", id: "u1" },
  members: { segment: "fuzz-0", limit: 10 },
  sizes: {},
  segments: { text: "fuzz", limit: 3 },
  search: { q: "u1", kind: "user" },
};

/** To the owner of a partition; lib/ports/questions.ts has all of them. */
const OWNERS: readonly unknown[] = [
  ...["status", "sizes", "nonsense"].map((op) => ({ op })),
  ...["user", "account"].map((op) => ({ op, id: "u1" })),
  { op: "accountUsers", account: "acme", rule: "{}", limit: 3 },
  { op: "explain", segment: "fuzz-0", id: "u1" },
  { op: "members", segment: "fuzz-0", limit: 5 },
  { op: "try", definition: { id: "idea", rule: { cart: { value: { gt: 0 } } } }, cursor: 0 },
  { op: "decide", id: "u1", segments: ["fuzz-0"], after: 1, waitMs: 10 },
  ...["history", "standing"].map((op) => ({ op, kind: "user", id: "u1" })),
  { op: "orders", kind: "user", id: "u1", before: [0, 0], limit: 5 },
  { op: "visits", kind: "user", id: "u1", before: 0, limit: 5 },
  { op: "near", kind: "user", id: "u1", after: "a", limit: 5 },
  { op: "search", asked: { kind: "user", q: "u" }, cursor: 0, limit: 5 },
  { op: "rows", kind: "user", ids: ["u1"], columns: [] },
  { op: "compare", kind: "user", segments: ["fuzz-0", "fuzz-1"], cursor: 0 },
];

export interface QuestionAsked {
  readonly subject: string;
  readonly payload: Buffer;
}

export function questionAt(seed: number, index: number, names: Names, partitions: number): QuestionAsked {
  const dice = new Dice(fnv1a(`${seed}/question ${index}`));
  if (dice.chance(0.05))
    return {
      subject: `$SRV.${dice.pick(["PING", "INFO", "STATS"])}.${names.serviceName}`,
      payload: payloadOf(dice, {}),
    };
  if (dice.chance(0.5)) {
    const { name } = dice.pick(ENDPOINTS);
    return { subject: names.serviceSubject(name), payload: payloadOf(dice, GOOD[name] ?? {}) };
  }
  return { subject: names.askSubject(dice.int(0, partitions - 1)), payload: payloadOf(dice, dice.pick(OWNERS)) };
}

function payloadOf(dice: Dice, good: unknown): Buffer {
  const sort = dice.int(0, 9);
  if (sort === 0) return Buffer.from(Array.from({ length: dice.int(0, 300) }, () => dice.int(0, 255)));
  if (sort === 1) return Buffer.from(rendered(new Raw(nastyText(dice))));
  return bytesOf(dice, rendered(mutated(dice, good, sort < 4 ? 0 : dice.int(1, 3))));
}

export async function asked(
  nc: NatsConnection,
  { subject, payload }: QuestionAsked,
): Promise<{ code: string; fault?: Fault }> {
  let message: Msg;
  try {
    message = await nc.request(subject, payload, { timeout: ANSWER_MS_MAX });
  } catch (error) {
    return {
      code: "none",
      fault: { kind: `no answer ${subject}`, text: `${(error as Error).message}: ${shown(subject, payload)}` },
    };
  }
  const code = message.headers?.get("Nats-Service-Error-Code") || "200";
  const text = message.string();
  const wrong =
    code === "500"
      ? "it is called a fault of ours"
      : STACK.test(text)
        ? "it tells a place in a program"
        : jsonOf(text) === undefined
          ? "it is no JSON"
          : undefined;
  if (wrong === undefined) return { code };
  return {
    code,
    fault: {
      kind: `${subject}: ${wrong}: ${text.slice(0, 60)}`,
      text: `${wrong}: ${text.slice(0, 500)}\n${shown(subject, payload)}`,
    },
  };
}

function shown(subject: string, payload: Buffer): string {
  return `nats req '${subject}' ${JSON.stringify(payload.toString("latin1").slice(0, BYTES_SHOWN_MAX))}`;
}
