// The bookkeeping of what is said: what a watermark may claim at each moment, told as short stories.
import { expect, test } from "vitest";
import { digestText, EMPTY_DIGEST, extendDigest } from "../../actors/partition/digest.ts";
import { Disagreement, Speech } from "../../actors/partition/speech.ts";
import { deltaId, encodeDelta } from "../../lib/core/deltas.ts";
import type { Delta, Reject } from "../../lib/core/types.ts";
import type { StoredSaying } from "../../lib/ports/delta-sink.ts";

const delta = (seq: number, id: string): Delta => ({
  segment: "s",
  version: 1,
  kind: "user",
  id,
  change: "joined",
  n: 1,
  at: 0,
  cause: { type: "event", seq },
});
const reject = (seq: number): Reject => ({ seq, stamp: 0, reason: "not-json", detail: "", body: new Uint8Array() });
const stored = (seq: number, said: Delta): StoredSaying => ({ seq, deltaId: deltaId(said), body: encodeDelta(said) });
const digestOf = (...said: Delta[]): string => digestText(said.map(encodeDelta).reduce(extendDigest, EMPTY_DIGEST));

function speech(found: readonly StoredSaying[] = [], done = 0, digest = digestText(EMPTY_DIGEST)): Speech {
  const fingerprint = done === 0 ? null : done * 10;
  const value = { epoch: 1, owner: "me", nonce: "n", done, from: 40, digest, fingerprint, revision: 0 };
  return new Speech({
    record: { seq: 50, stamp: 0, value },
    position: { seq: 0, stamp: 0 },
    digest: EMPTY_DIGEST,
    found,
    encode: encodeDelta,
    deltaId,
  });
}

/** One input with what its step made. */
function input(said: Speech, seq: number, deltas: readonly Delta[], rejects: readonly Reject[] = []): void {
  said.say(deltas, rejects);
  said.passed({ seq, stamp: seq * 10 });
}

test("done passes an input only with its last delta, and the digest is of the inputs it has passed", () => {
  const said = speech();
  const [a, b, c] = [delta(2, "a"), delta(2, "b"), delta(4, "c")];
  input(said, 1, []);
  input(said, 2, [a, b]);
  input(said, 3, []);
  input(said, 4, [c]);
  expect(said.progressAfter(0)).toMatchObject({ done: 1, fingerprint: 10, digest: digestOf(), from: 51 });
  expect(said.progressAfter(1)).toMatchObject({ done: 1, digest: digestOf() });
  expect(said.progressAfter(2)).toMatchObject({ done: 3, fingerprint: 30, digest: digestOf(a, b) });
  expect(said.progressAfter(3)).toMatchObject({ done: 4, fingerprint: 40, digest: digestOf(a, b, c) });
});

test("while an input is half said, from stays at or before its first stored delta", () => {
  const said = speech();
  input(said, 1, [delta(1, "a"), delta(1, "b"), delta(1, "c")]);
  said.confirm(1, 60);
  said.confirm(1, 70);
  const half = said.progressAfter(0);
  expect(half).toMatchObject({ done: 0, from: 60 });
  said.confirmWatermark(half, 80);
  said.confirm(1, 90);
  const whole = said.progressAfter(0);
  expect(whole).toMatchObject({ done: 1, from: 91 });
  said.confirmWatermark(whole, 95);
  expect(said.progressAfter(0).from).toBe(96);
});

test("from never falls, also when an unanswered delta is found behind a watermark that settled it", () => {
  const said = speech();
  const b = delta(2, "b");
  input(said, 1, [delta(1, "a")]);
  input(said, 2, [b, delta(2, "c")]);
  said.confirm(1, 60);
  // The publish of b is never answered; a new watermark is set, and the scan up to it finds b.
  const settling = said.progressAfter(0);
  expect(settling).toMatchObject({ done: 1, from: 61 });
  said.confirmFound([stored(70, b)]);
  said.confirmWatermark(settling, 80);
  expect(said.progressAfter(0)).toMatchObject({ done: 1, from: 61 });
});

test("a step under way does not count as passed, however much of it is stored", () => {
  const said = speech();
  input(said, 1, []);
  said.say([delta(2, "a")], []);
  said.confirm(1, 60);
  expect(said.progressAfter(0)).toMatchObject({ done: 1, digest: digestOf(), from: 60 });
});

test("a reject that nobody was told holds done back, and the deltas behind it", () => {
  const said = speech();
  input(said, 1, [delta(1, "a")]);
  input(said, 2, [], [reject(2)]);
  input(said, 3, [delta(3, "b")]);
  expect(said.next(9).map(({ deltaId: id }) => id)).toEqual([deltaId(delta(1, "a"))]);
  said.confirm(1, 60);
  expect(said.progressAfter(0)).toMatchObject({ done: 1 });
  expect(said.rejectsToTell(100).map(({ seq }) => seq)).toEqual([2]);
  said.markToldRejects(100);
  expect(said.next(9)).toHaveLength(1);
  expect(said.progressAfter(1)).toMatchObject({ done: 3 });
});

test("what a restore finds stored is not said again, and must be what the replay makes", () => {
  const [a, b] = [delta(1, "a"), delta(2, "b")];
  const said = speech([stored(45, a)]);
  expect(said.replaying).toBe(true);
  input(said, 1, [a]);
  input(said, 2, [b]);
  expect(said.replaying).toBe(false);
  expect(said.next(9).map(({ body }) => body)).toEqual([encodeDelta(b)]);
  expect(() => input(speech([stored(45, a)]), 1, [b])).toThrow(Disagreement);
  expect(() => input(speech([stored(45, a)]), 1, [])).toThrow(Disagreement);
});

test("a replay up to done must end with the digest of what was said", () => {
  const a = delta(1, "a");
  const faithful = speech([], 2, digestOf(a));
  input(faithful, 1, [a]);
  input(faithful, 2, []);
  expect(faithful.unsaid).toBe(0);
  const other = speech([], 2, digestOf(a));
  input(other, 1, [delta(1, "b")]);
  expect(() => input(other, 2, [])).toThrow(Disagreement);
});

// Seeds 248 and 323 of the cluster test: the digest went back to the reject's, and the next owner refused its own checkpoint.
test("a found delta behind a reject that waits does not put the digest back", () => {
  const b = delta(2, "b");
  const said = speech([stored(45, b)]);
  input(said, 1, [], [reject(1)]);
  input(said, 2, [b]);
  expect(said.progressAfter(0)).toMatchObject({ done: 0 });
  said.markToldRejects(100);
  expect(said.progressAfter(0)).toMatchObject({ done: 2, digest: digestOf(b) });
});

test("a reject that comes while others are being told waits for its own turn", () => {
  const said = speech();
  said.say([], [reject(1), reject(2)]);
  said.passed({ seq: 2, stamp: 20 });
  const underWay = said.rejectsToTell(100);
  expect(underWay.map(({ seq }) => seq)).toEqual([1, 2]);
  input(said, 3, [], [reject(3)]);
  said.markToldRejects(underWay.length);
  expect(said.rejectsToTell(100).map(({ seq }) => seq)).toEqual([3]);
  expect(said.progressAfter(0).done).toBe(2);
  said.markToldRejects(1);
  expect(said.progressAfter(0).done).toBe(3);
});
