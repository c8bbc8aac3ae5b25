// What nats-server compresses, byte by byte as the format says; test/deep/erasure.test.ts reads what a server has written.
import { expect, test } from "vitest";
import { unpackS2 } from "../../lib/cli/s2.ts";

/** A chunk of the framing, with a checksum that nobody looks at. */
function chunk(type: number, ...body: readonly number[]): number[] {
  return [type, body.length + 4, 0, 0, 0, 0, 0, 0, ...body];
}

const letters = (text: string): number[] => [...Buffer.from(text)];
const unpacked = (...chunks: readonly number[][]): string => unpackS2(Uint8Array.from(chunks.flat())).toString();

test("what is copied comes from before, and may reach into itself", () => {
  const block = [14, 3 << 2, ...letters("anna"), (1 << 2) | 1 | (0 << 5), 4, (4 << 2) | 2, 1, 0];
  expect(unpacked(chunk(0, ...block))).toBe("annaannaaaaaaa");
});

test("a distance of 0 is the one of the copy before, and its lengths are longer", () => {
  const block = [4 + 4 + 4 + 14, 3 << 2, ...letters("anna"), 1, 4, 1, 0, (5 << 2) | 1, 0, 6];
  expect(unpacked(chunk(0, ...block))).toBe("anna".repeat(7).slice(0, 26));
});

test("chunks follow each other, some as they are, some that say nothing", () => {
  const identifier = [0xff, 6, 0, 0, ...letters("S2sTwO")];
  expect(unpacked(identifier, chunk(1, ...letters("an")), [0xfe, 2, 0, 0, 9, 9], chunk(1, ...letters("na")))).toBe(
    "anna",
  );
});

test("what is cut off, or points out of its block, is told", () => {
  expect(() => unpacked([1, 9, 0, 0, 1])).toThrow(/cut off/);
  expect(() => unpacked(chunk(0, 4, 1, 9))).toThrow(/points out/);
  expect(() => unpacked(chunk(0, 9, 0, 97))).toThrow(/less than it says/);
});
