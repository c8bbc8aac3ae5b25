// The bookkeeping of what is still to be said: what comes while something is under way is neither lost nor taken as told.
import { expect, test } from "vitest";
import { digestText, EMPTY_DIGEST } from "../../actors/partition/digest.ts";
import { Speech } from "../../actors/partition/speech.ts";
import { deltaId, encodeDelta } from "../../lib/core/deltas.ts";
import type { Reject } from "../../lib/core/types.ts";

function speech(): Speech {
  return new Speech({
    record: {
      seq: 1,
      stamp: 0,
      value: {
        epoch: 1,
        owner: "a",
        nonce: "n",
        done: 0,
        from: 1,
        digest: digestText(EMPTY_DIGEST),
        fingerprint: null,
        revision: 0,
      },
    },
    position: { seq: 0, stamp: 0 },
    digest: EMPTY_DIGEST,
    found: [],
    encode: encodeDelta,
    deltaId,
  } as ConstructorParameters<typeof Speech>[0]);
}

const refused = (seq: number): Reject => ({ seq, stamp: seq, reason: "not-json", detail: "", body: new Uint8Array() });

test("a reject that comes while others are being told waits for its own turn", () => {
  const saying = speech();
  saying.say([], [refused(1), refused(2)]);
  saying.passed({ seq: 2, stamp: 2 });
  const underWay = saying.rejectsToTell(100);
  expect(underWay.map(({ seq }) => seq)).toEqual([1, 2]);
  saying.say([], [refused(3)]);
  saying.passed({ seq: 3, stamp: 3 });
  saying.markToldRejects(underWay.length);
  expect(saying.rejectsToTell(100).map(({ seq }) => seq)).toEqual([3]);
  expect(saying.progressAfter(0).done).toBe(2);
  saying.markToldRejects(1);
  expect(saying.progressAfter(0).done).toBe(3);
});
