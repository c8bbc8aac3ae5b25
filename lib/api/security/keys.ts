// What a key is: `rk_<id>_<secret>`, how one is made, read and compared. Pure but for chance; keyring.ts keeps them.
import { hash, randomBytes, timingSafeEqual } from "node:crypto";

const ID_LENGTH = 10;
const SECRET_BYTES = 32;
/** RFC 4648 without padding, in lower case. */
const BASE32 = "abcdefghijklmnopqrstuvwxyz234567";
const KEY = /^rk_([a-z2-7]{10})_([A-Za-z0-9_-]{43})$/;

export interface KeyParts {
  readonly id: string;
  readonly secret: string;
}

export interface NewKey extends KeyParts {
  /** The whole, shown once. */
  readonly text: string;
}

export function newKey(): NewKey {
  // 256 is a multiple of 32, so no letter is likelier than another.
  const id = Array.from(randomBytes(ID_LENGTH), (byte) => BASE32[byte % BASE32.length]).join("");
  const secret = randomBytes(SECRET_BYTES).toString("base64url");
  return { id, secret, text: `rk_${id}_${secret}` };
}

/** Undefined for what is no key by its form. */
export function keyPartsOf(text: string): KeyParts | undefined {
  const [, id, secret] = KEY.exec(text) ?? [];
  return id === undefined || secret === undefined ? undefined : { id, secret };
}

/** A secret of 32 random bytes cannot be guessed, so one round is enough: slowness would only cost every request. */
export function hashOf(secret: string): string {
  return hash("sha256", secret, "hex");
}

/** Takes as long for any two of the same length. */
export function isSecretOf(secret: string, hashed: string): boolean {
  const [given, kept] = [hash("sha256", secret, "buffer"), Buffer.from(hashed, "hex")];
  return given.length === kept.length && timingSafeEqual(given, kept);
}
