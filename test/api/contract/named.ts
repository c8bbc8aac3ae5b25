// What the examples of the document name, as entries of the control log: written before the contract is asked, in memory and
// on a real server alike. A group of routes adds its own here.
import { createHash } from "node:crypto";
import { expect } from "vitest";
import type { ControlEntry } from "../../../lib/core/control.ts";
import type { Json } from "../../../lib/core/types.ts";
import type { ExportFiles, JobRecord, JobStore } from "../../../lib/ports/jobs.ts";

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

/** One that is done, with its content, and one that goes on. */
export const EXPORTED = "export-0123456789ab";
export const EXPORTING = "export-0123456789ac";
export const EXPORT_CONTENT = "id,n,since\r\nu1,1,2026-11-23T10:00:00.000Z\r\n";

export function exportJob(id: string, state: JobRecord["state"], process: string): JobRecord {
  const at = "2026-11-23T10:00:00.000Z";
  const isDone = state === "done";
  return {
    id,
    kind: "export",
    target: "cart-under-100",
    targetKind: "segment",
    state,
    progress: { done: 1, total: 1, unit: "members" },
    perSecond: 1,
    createdAt: at,
    startedAt: at,
    updatedAt: at,
    finishedAt: isDone ? at : null,
    by: "aaaaaaaaaa",
    process,
    cancelAsked: false,
    problem: null,
    export: {
      format: "csv",
      columns: [],
      personal: true,
      erasures: Number.MAX_SAFE_INTEGER,
      rows: 1,
      bytes: Buffer.byteLength(EXPORT_CONTENT),
      sha256: isDone ? createHash("sha256").update(EXPORT_CONTENT).digest("hex") : null,
      chunks: isDone ? 1 : 0,
      expiresAt: isDone ? "2100-01-01T00:00:00.000Z" : null,
    },
    import: null,
  };
}

/** Written before the contract is asked; the process that runs the one that goes on is heard for so long. */
export async function putExports(store: JobStore, files: ExportFiles, heardMs: number): Promise<void> {
  await store.beat("contract", heardMs);
  await files.write(EXPORTED, 0, Buffer.from(EXPORT_CONTENT));
  for (const [id, state] of [
    [EXPORTED, "done"],
    [EXPORTING, "running"],
  ] as const)
    expect(await store.put(exportJob(id, state, "contract"), 0, 3_600_000)).toMatchObject({ kind: "stored" });
}
