// MessagePack read into plain JSON values, and nothing else: no extension types, no binary, no dates, no records.
// decode.ts uses it on input from anybody, so it is bounded in depth and refuses instead of guessing.
import type { Json, RejectReason } from "./types.ts";

/** Why a body was refused. Thrown inside the decoder only; decodeEvent turns it into a value. */
export class Refusal extends Error {
  readonly reason: RejectReason;

  constructor(reason: RejectReason, detail: string) {
    super(detail);
    this.reason = reason;
  }
}

/** True for the first byte of a map. No JSON text starts with one. */
export function startsMap(byte: number): boolean {
  return (byte & 0xf0) === 0x80 || byte === 0xde || byte === 0xdf;
}

/**
 * The one value that fills `bytes`. Throws Refusal. Keys and finite numbers are checked by the caller, which walks the
 * value anyway; depth is checked here, since recursion is.
 */
export function readMessagePack(bytes: Uint8Array, depthMax: number): Json {
  const reader = new Reader(bytes);
  const value = reader.value(depthMax);
  if (reader.at !== bytes.length) {
    throw new Refusal("not-json", `MessagePack: ${bytes.length - reader.at} bytes follow the value; send one map`);
  }
  return value;
}

class Reader {
  at = 0;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  value(depth: number): Json {
    const lead = this.#unsigned(1);
    if (lead < 0x80) return lead;
    if (lead < 0x90) return this.#map(lead & 0x0f, depth);
    if (lead < 0xa0) return this.#list(lead & 0x0f, depth);
    if (lead < 0xc0) return this.#string(lead & 0x1f);
    if (lead >= 0xe0) return lead - 0x100;
    switch (lead) {
      case 0xc0:
        return null;
      case 0xc2:
        return false;
      case 0xc3:
        return true;
      case 0xd9:
      case 0xda:
      case 0xdb:
        return this.#string(this.#unsigned(1 << (lead - 0xd9)));
      case 0xdc:
      case 0xdd:
        return this.#list(this.#unsigned(lead === 0xdc ? 2 : 4), depth);
      case 0xde:
      case 0xdf:
        return this.#map(this.#unsigned(lead === 0xde ? 2 : 4), depth);
      default:
        return this.#number(lead);
    }
  }

  #number(lead: number): number {
    switch (lead) {
      case 0xca:
        return this.#view.getFloat32(this.#take(4));
      case 0xcb:
        return this.#view.getFloat64(this.#take(8));
      case 0xcc:
      case 0xcd:
      case 0xce:
        return this.#unsigned(1 << (lead - 0xcc));
      case 0xcf:
        return safeNumber(this.#view.getBigUint64(this.#take(8)));
      case 0xd0:
        return this.#view.getInt8(this.#take(1));
      case 0xd1:
        return this.#view.getInt16(this.#take(2));
      case 0xd2:
        return this.#view.getInt32(this.#take(4));
      case 0xd3:
        return safeNumber(this.#view.getBigInt64(this.#take(8)));
      default:
        throw new Refusal(
          "bad-field",
          `MessagePack: ${unreadable(lead)} at byte ${this.at - 1}; send what JSON can say`,
        );
    }
  }

  #map(size: number, depth: number): Json {
    this.#enter(depth, size * 2);
    const map: Record<string, Json> = {};
    for (let index = 0; index < size; index += 1) {
      const key = this.#key();
      const value = this.value(depth - 1);
      // Assigning `__proto__` would set the prototype and hide the key from the caller's check.
      if (key === "__proto__") throw new Refusal("forbidden-key", 'the key "__proto__" is refused; rename the field');
      map[key] = value;
    }
    return map;
  }

  #key(): string {
    const lead = this.#bytes[this.at];
    if (lead === undefined) throw cutOff();
    const isText = (lead >= 0xa0 && lead < 0xc0) || (lead >= 0xd9 && lead <= 0xdb);
    if (isText) return this.value(0) as string;
    throw new Refusal("bad-field", `MessagePack: the key at byte ${this.at} is no text; keys of maps are text`);
  }

  #list(size: number, depth: number): Json {
    this.#enter(depth, size);
    const list: Json[] = [];
    for (let index = 0; index < size; index += 1) list.push(this.value(depth - 1));
    return list;
  }

  #enter(depth: number, bytesLeast: number): void {
    if (depth <= 0) throw new Refusal("too-deep", "nested too deep");
    // A length that the rest cannot fill is refused before anything is built for it.
    if (bytesLeast > this.#bytes.length - this.at) throw cutOff();
  }

  #string(size: number): string {
    const start = this.#take(size);
    try {
      return this.#text.decode(this.#bytes.subarray(start, start + size));
    } catch {
      throw new Refusal("not-json", `MessagePack: the text at byte ${start} is not valid UTF-8`);
    }
  }

  #unsigned(size: number): number {
    const start = this.#take(size);
    if (size === 1) return this.#view.getUint8(start);
    return size === 2 ? this.#view.getUint16(start) : this.#view.getUint32(start);
  }

  /** Where the next `size` bytes start. */
  #take(size: number): number {
    const start = this.at;
    if (size > this.#bytes.length - start) throw cutOff();
    this.at = start + size;
    return start;
  }
}

function cutOff(): Refusal {
  return new Refusal("not-json", "MessagePack: the body ends in the middle of a value");
}

function safeNumber(value: bigint): number {
  const number = Number(value);
  if (Number.isSafeInteger(number)) return number;
  throw new Refusal(
    "bad-field",
    `MessagePack: the integer ${value} is beyond ±(2^53 − 1) and would lose digits; send it as text`,
  );
}

function unreadable(lead: number): string {
  if (lead >= 0xc4 && lead <= 0xc6) return "binary data";
  return lead === 0xc1 ? "a byte that never starts a value" : "an extension type";
}
