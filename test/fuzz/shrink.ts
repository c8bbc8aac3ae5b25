// A smaller request that is wrong in the same way: headers, parts of the query and fields of the body are left out, one after the
// other, for as long as the fault stays. fuzz.ts asks once the firing is over.
import type { Judge } from "./judge.ts";
import { requestBytes, type Sent, type Shot } from "./shots.ts";
import { Wire } from "./wire.ts";

const TRIES_MAX = 150;

/** Undefined: it does not go wrong any more, by itself. */
export async function shrunk(shot: Shot, kind: string, judge: Judge, port: number): Promise<Shot | undefined> {
  let tries = 0;
  const isWrong = async (tried: Shot): Promise<boolean> => {
    tries += 1;
    const wire = new Wire(port);
    const outcome = await wire.send(tried);
    wire.close();
    return judge.faultsOf(tried, outcome).some((fault) => fault.kind === kind);
  };
  if (!(await isWrong(shot))) return undefined;
  let best = shot;
  for (let index = 0; tries < TRIES_MAX; ) {
    const smaller = smallerOnes(best, port)[index];
    if (smaller === undefined) return best;
    if (await isWrong(smaller)) {
      best = smaller;
      index = 0;
    } else index += 1;
  }
  return best;
}

function smallerOnes(shot: Shot, port: number): Shot[] {
  const [sent] = shot.requests as readonly [Sent];
  return [
    ...sent.headers.map((_, left) => ({ ...sent, headers: sent.headers.filter((__, index) => index !== left) })),
    ...smallerTargets(sent.target).map((target) => ({ ...sent, target })),
    ...smallerBodies(sent).map((text) => ({ ...sent, body: Buffer.from(text), plain: Buffer.from(text) })),
  ].map((one) => ({ ...shot, requests: [one], pieces: [{ bytes: requestBytes(one, port) }] }));
}

function smallerTargets(target: string): string[] {
  const [path, query] = target.split("?") as [string, string | undefined];
  const parts = query?.split("&") ?? [];
  return parts.map((_, left) => {
    const kept = parts.filter((__, index) => index !== left);
    return kept.length === 0 ? path : `${path}?${kept.join("&")}`;
  });
}

function smallerBodies({ body, plain }: Sent): string[] {
  if (plain === undefined || body !== plain) return [];
  try {
    const value: unknown = JSON.parse(plain.toString());
    return smallerValues(value).map((one) => JSON.stringify(one));
  } catch {
    return [];
  }
}

/** Everything that lacks one field, or has less in one of them. */
function smallerValues(value: unknown): unknown[] {
  if (typeof value === "string" && value.length > 8) return [value.slice(0, value.length / 2)];
  if (Array.isArray(value)) {
    return value.flatMap((one, at) => [
      value.toSpliced(at, 1),
      ...smallerValues(one).map((smaller) => value.toSpliced(at, 1, smaller)),
    ]);
  }
  if (typeof value !== "object" || value === null) return [];
  const fields = Object.entries(value);
  return fields.flatMap(([name, inner]) => [
    Object.fromEntries(fields.filter(([other]) => other !== name)),
    ...smallerValues(inner).map((smaller) => ({ ...value, [name]: smaller })),
  ]);
}
