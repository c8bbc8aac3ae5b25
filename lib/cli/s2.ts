// Reads what nats-server has written with S2 compression (klauspost/compress): the framing and the blocks of Snappy, with offsets
// that repeat. Used by store-scan.ts to look into message blocks; checksums are the server's own matter.

const CHUNK_HEADER_BYTES = 4;
const CHECKSUM_BYTES = 4;
const COMPRESSED = 0x00;
const PLAIN = 0x01;

/** All that a stream of chunks holds. Throws RangeError where it is no such stream, or ends in the midst of a chunk. */
export function unpackS2(stream: Uint8Array): Buffer {
  const parts: Uint8Array[] = [];
  for (let at = 0; at < stream.length; ) {
    const [type, b0, b1, b2] = stream.subarray(at, at + CHUNK_HEADER_BYTES) as unknown as number[];
    if (b2 === undefined) throw new RangeError("a chunk has no header");
    const begins = at + CHUNK_HEADER_BYTES;
    at = begins + (b0! | (b1! << 8) | (b2 << 16));
    if (at > stream.length) throw new RangeError("a chunk is cut off");
    const body = stream.subarray(begins, at);
    if (type === COMPRESSED) parts.push(unpackBlock(body.subarray(CHECKSUM_BYTES)));
    else if (type === PLAIN) parts.push(body.subarray(CHECKSUM_BYTES));
    // All others say how the stream was made, or are padding.
  }
  return Buffer.concat(parts);
}

/** A copy's distance and length, and how many bytes said so. */
interface Copy {
  readonly offset: number;
  readonly length: number;
  readonly read: number;
}

function unpackBlock(block: Uint8Array): Uint8Array {
  const source = Buffer.from(block.buffer, block.byteOffset, block.length);
  let [length, at] = uvarint(source);
  const out = Buffer.alloc(length);
  let [written, offset] = [0, 0];
  while (at < source.length) {
    const tag = source[at]!;
    if ((tag & 3) === 0) {
      const { bytes, read } = literal(source, at);
      if (written + bytes > out.length) throw new RangeError("a block holds more than it says");
      source.copy(out, written, at + read, at + read + bytes);
      written += bytes;
      at += read + bytes;
      continue;
    }
    const copy = copyAt(source, at, offset);
    ({ offset, length } = copy);
    at += copy.read;
    if (offset <= 0 || offset > written || written + length > out.length)
      throw new RangeError("a copy points out of its block");
    // It may reach into what it is just writing.
    for (const end = written + length; written < end; written += 1) out[written] = out[written - offset]!;
  }
  if (written !== out.length) throw new RangeError("a block holds less than it says");
  return out;
}

function uvarint(source: Buffer): [value: number, read: number] {
  let value = 0;
  for (let read = 0; read < source.length; read += 1) {
    value += (source[read]! & 0x7f) * 2 ** (7 * read);
    if (source[read]! < 0x80) return [value, read + 1];
  }
  throw new RangeError("a number is cut off");
}

function literal(source: Buffer, at: number): { readonly bytes: number; readonly read: number } {
  const short = source[at]! >> 2;
  if (short < 60) return { bytes: short + 1, read: 1 };
  const more = short - 59;
  return { bytes: source.readUIntLE(at + 1, more) + 1, read: 1 + more };
}

function copyAt(source: Buffer, at: number, before: number): Copy {
  const tag = source[at]!;
  const kind = tag & 3;
  if (kind === 2) return { length: 1 + (tag >> 2), offset: source.readUInt16LE(at + 1), read: 3 };
  if (kind === 3) return { length: 1 + (tag >> 2), offset: source.readUInt32LE(at + 1), read: 5 };
  const offset = ((tag & 0xe0) << 3) | source[at + 1]!;
  const length = (tag >> 2) & 7;
  if (offset > 0) return { length: 4 + length, offset, read: 2 };
  // The distance of the copy before.
  if (length < 5) return { length: 4 + length, offset: before, read: 2 };
  const more = length - 4;
  const base = more === 1 ? 4 : more === 2 ? 1 << 8 : 1 << 16;
  return { length: 4 + base + source.readUIntLE(at + 2, more), offset: before, read: 2 + more };
}
