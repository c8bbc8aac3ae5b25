// What the examples of the document name, as entries of the control log: written before the contract is asked, in memory and
// on a real server alike. A group of routes adds its own here.
import type { ControlEntry } from "../../../lib/core/control.ts";
import type { Json } from "../../../lib/core/types.ts";

const cart = (id: string, more: Readonly<Record<string, Json>> = {}): Json => ({
  id,
  rule: { cart: { value: { gt: 0, lt: 100 } } },
  ...more,
});

export const NAMED: readonly ControlEntry[] = [
  { op: "vocabulary", vocabulary: { currency: "CHF" } },
  { op: "list", id: "employees", mode: "replace", members: ["u1", "u2"] },
  { op: "list", id: "strangers", mode: "replace", members: ["u9"] },
  {
    op: "apply",
    define: [
      ...["cart-changing", "cart-unwanted", "cart-awake", "cart-edited"].map((id) => cart(id)),
      cart("cart-asleep", { enabled: false }),
    ],
    remove: [],
  },
  { op: "apply", define: [cart("cart-edited", { name: "Edited" })], remove: [] },
  { op: "draft", define: ["idea-kept", "idea-dropped", "idea-ready"].map((id) => cart(id)), discard: [] },
];

/** The segment that reads its history when these are asked for: in memory for ever, on a real server while nobody works. */
export const WAITING: Readonly<Record<string, string>> = {
  "POST /v1/segments/{id}/cancel": "pinged-waiting",
  "POST /v1/segments/{id}/retry": "ponged-waiting",
};

export function waiting(id: string): ControlEntry {
  return { op: "apply", define: [{ id, rule: { event: { name: id } } }], remove: [] };
}
