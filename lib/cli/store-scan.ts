// Whether a value stands anywhere in the files of a server's store: as it is, and inside blocks that the server has compressed.
// Behind `rollcall erase --scan`; reads the files where they are, and changes nothing.
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { encodeId } from "../core/ids.ts";
import { unpackS2 } from "./s2.ts";

export interface StoreScan {
  readonly files: number;
  readonly found: readonly { readonly value: string; readonly path: string }[];
  /** Compressed, and not to be read as such: a server may have been writing them just then. */
  readonly unread: readonly string[];
}

/** How a compressed block begins; then the bytes that it was, as a number of seven bits a byte, and the stream. */
const COMPRESSED = Buffer.from("cmp");
const S2 = 1;
/** At its end, not compressed. */
const CHECKSUM_BYTES = 8;

export async function scanStore(folder: string, values: readonly string[]): Promise<StoreScan> {
  const found: { value: string; path: string }[] = [];
  const unread: string[] = [];
  const sought = values.map((value) => ({ value, forms: formsOf(value) }));
  let files = 0;
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    // A file that the server removed meanwhile has nothing in it any more.
    const bytes = await readFile(path).catch(() => undefined);
    if (bytes === undefined) continue;
    files += 1;
    const plain = plainOf(bytes);
    if (plain === undefined) unread.push(path);
    const looked = plain === undefined ? [bytes] : [bytes, plain];
    for (const { value, forms } of sought)
      if (forms.some((form) => looked.some((text) => text.includes(form)))) found.push({ value, path });
  }
  return { files, found, unread };
}

/** As itself, inside JSON, and as a subject's token. */
function formsOf(value: string): string[] {
  return [...new Set([value, JSON.stringify(value).slice(1, -1), encodeId(value)])];
}

/** Of a block that is not compressed nothing more than it shows; undefined where one that is cannot be read. */
function plainOf(bytes: Buffer): Buffer | undefined {
  if (!bytes.subarray(0, COMPRESSED.length).equals(COMPRESSED) || bytes[COMPRESSED.length] !== S2)
    return Buffer.alloc(0);
  let at = COMPRESSED.length + 1;
  while (at < bytes.length && bytes[at]! >= 0x80) at += 1;
  try {
    return unpackS2(bytes.subarray(at + 1, bytes.length - CHECKSUM_BYTES));
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}
