// How a publish can end. Every port that writes answers in these four words, so that the protocol above is one switch.
import type { Seq } from "../core/types.ts";

export type Published =
  /** Stored; `seq` is the sequence of the (last) message. */
  | { readonly kind: "stored"; readonly seq: Seq }
  /** The compare-and-set found another last sequence. Nothing was stored. */
  | { readonly kind: "fenced" }
  /** Not stored, and the same message may be sent again; `isFull` says that the stream takes no more just now. */
  | { readonly kind: "retry"; readonly reason: string; readonly isFull?: true }
  /** No answer: it may be stored now, later or never. */
  | { readonly kind: "unknown"; readonly reason: string };
