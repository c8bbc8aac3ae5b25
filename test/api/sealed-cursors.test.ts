// What a sealed cursor keeps to itself, and which ones are refused.
import { expect, test } from "vitest";
import { SealedCursors } from "../../lib/api/security/sealed-cursors.ts";

interface Place {
  readonly place: number;
  readonly mark?: number;
}

const SECRET = new Uint8Array(32).fill(1);
const QUESTION = ["members", "vip", "newest"] as const;
const PLACE: Place = { place: 4_294_967_295, mark: 281_474_976_710_655 };

const pagesOf = (secret = SECRET, question: readonly string[] = QUESTION) =>
  new SealedCursors(secret).pagesOf<Place>(...question);

function codeOf(run: () => unknown): string {
  try {
    run();
    return "opened";
  } catch (error) {
    return (error as { code: string }).code;
  }
}

test("another process with the secret goes on where the page ended; the first page and the last have none", () => {
  expect(pagesOf().from(pagesOf().next(PLACE)!)).toEqual(PLACE);
  expect(pagesOf().from(undefined)).toBeUndefined();
  expect(pagesOf().next(null)).toBeNull();
});

test("it tells nothing of the place: not twice the same, and as long for a short number as for a long one", () => {
  const long = pagesOf().next(PLACE)!;
  const short = pagesOf().next({ place: 1 })!;
  expect(pagesOf().next(PLACE)).not.toBe(long);
  expect(short).toHaveLength(long.length);
  expect(Buffer.from(long, "base64url").toString("latin1")).not.toContain("place");
});

test("one of another question or another data set, a changed one and one that nobody gave are refused", () => {
  const cursor = pagesOf().next(PLACE)!;
  expect(codeOf(() => pagesOf(SECRET, ["members", "vip", "oldest"]).from(cursor))).toBe("bad-cursor");
  expect(codeOf(() => pagesOf(new Uint8Array(32).fill(2)).from(cursor))).toBe("bad-cursor");
  const bytes = Buffer.from(cursor, "base64url");
  for (const [index, byte] of bytes.entries()) {
    const changed = Buffer.from(bytes);
    changed[index] = byte ^ 1;
    expect(
      codeOf(() => pagesOf().from(changed.toString("base64url"))),
      `byte ${index}`,
    ).toBe("bad-cursor");
  }
  for (const made of ["A", "e30", cursor.slice(0, -4), "A".repeat(200), JSON.stringify(PLACE)]) {
    expect(
      codeOf(() => pagesOf().from(made)),
      made,
    ).toBe("bad-cursor");
  }
});
