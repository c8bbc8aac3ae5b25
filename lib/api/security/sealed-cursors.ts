// Cursors of pages of people. Where such a page ends is an id, or a place that its hashes make, and whoever knows them finds it by
// trying: every telephone number, every address. So the text is sealed (AES-256-GCM) under a secret that all processes of a data
// set share, and bound to its question: it says nothing to who has it, and one that was changed, made up, or asked with something
// else is refused. The secret is kept by lib/ports/keys.ts.
import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import type { Json } from "../../core/types.ts";
import { badCursor } from "../http/cursors.ts";

const ALGORITHM = "aes-256-gcm";
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const TAG = { authTagLength: TAG_BYTES };
/** Texts fill multiples of it, so that their length does not tell how long a number is. */
const PADDED_CHARACTERS = 64;

/** Of the pages of one question. */
export interface SealedPages<Place extends object> {
  /** Undefined for the first page. Throws an HttpError for what no page of this question gave. */
  from(cursor: string | undefined): Place | undefined;
  /** Null after the last page. */
  next(place: Place | null): string | null;
}

export class SealedCursors {
  private readonly secret: Uint8Array;

  /** 32 bytes. */
  constructor(secret: Uint8Array) {
    this.secret = secret;
  }

  /** `question`: what has to be asked again for the next page. */
  pagesOf<Place extends object>(...question: readonly Json[]): SealedPages<Place> {
    const bound = Buffer.from(JSON.stringify(question));
    return {
      from: (cursor) => (cursor === undefined ? undefined : (JSON.parse(this.opened(cursor, bound)) as Place)),
      next: (place) => (place === null ? null : this.sealed(JSON.stringify(place), bound)),
    };
  }

  private sealed(text: string, bound: Buffer): string {
    const nonce = randomBytes(NONCE_BYTES);
    const cipher = createCipheriv(ALGORITHM, this.secret, nonce, TAG).setAAD(bound);
    const padded = text.padEnd(Math.ceil(text.length / PADDED_CHARACTERS) * PADDED_CHARACTERS);
    const parts = [nonce, cipher.update(padded, "utf8"), cipher.final(), cipher.getAuthTag()];
    return Buffer.concat(parts).toString("base64url");
  }

  private opened(cursor: string, bound: Buffer): string {
    const bytes = Buffer.from(cursor, "base64url");
    const [nonce, tag] = [bytes.subarray(0, NONCE_BYTES), bytes.subarray(-TAG_BYTES)];
    if (bytes.length < NONCE_BYTES + TAG_BYTES) throw badCursor();
    const decipher = createDecipheriv(ALGORITHM, this.secret, nonce, TAG).setAAD(bound).setAuthTag(tag);
    const text = decipher.update(bytes.subarray(NONCE_BYTES, -TAG_BYTES), undefined, "utf8");
    try {
      return text + decipher.final("utf8");
    } catch {
      throw badCursor();
    }
  }
}
