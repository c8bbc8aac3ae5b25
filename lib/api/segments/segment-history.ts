// Who changed a segment, how, and when: what the log of changes says of it, with the versions that came of it.
// Read from the newest backwards, a bounded piece of the log for each page, since records are not kept by segment.
import type { SegmentId } from "../../core/types.ts";
import type { AuditLog, AuditRecord } from "../../ports/audit.ts";
import type { Catalogue } from "./catalogue.ts";

const READ_AT_ONCE = 200;
/** For one page; one that ends here may be short, and the next one goes on. */
const READ_MAX = 2_000;

export interface SegmentChange extends Pick<AuditRecord, "at" | "who" | "what" | "detail"> {
  /** Of this segment, that it brought. */
  readonly versions: readonly number[];
}

export interface ChangesFound<T> {
  readonly items: readonly T[];
  /** Where the next page goes on; null: nothing is older. */
  readonly before: number | null;
}

export async function historyOfSegment(
  audit: AuditLog,
  catalogue: Catalogue,
  id: SegmentId,
  { limit, before }: { readonly limit: number; readonly before?: number },
): Promise<ChangesFound<SegmentChange>> {
  const versions = catalogue.versions(id);
  const found = await recordsWhere(audit, (record) => isAbout(record, id), limit, before);
  return {
    ...found,
    items: found.items.map(({ at, who, what, detail }) => {
      const revisions = revisionsIn(detail);
      const brought = versions.filter(({ revision }) => revisions.includes(revision));
      return { at, who, what, detail, versions: brought.map(({ version }) => version) };
    }),
  };
}

/** The newest first, of as much of the log as one page may read. */
export async function recordsWhere(
  audit: AuditLog,
  fits: (record: AuditRecord) => boolean,
  limit: number,
  before?: number,
): Promise<ChangesFound<AuditRecord>> {
  const items: AuditRecord[] = [];
  let from: number | null | undefined = before;
  for (let read = 0; read < READ_MAX; read += READ_AT_ONCE) {
    const page = await audit.read(READ_AT_ONCE, from ?? undefined);
    for (const record of page.records) {
      if (!fits(record)) continue;
      items.push(record);
      // What stands before it has not been looked at.
      if (items.length === limit) return { items, before: record.seq > 1 ? record.seq : null };
    }
    from = page.before;
    if (from === null) return { items, before: null };
  }
  return { items, before: from ?? null };
}

const LISTED = ["created", "changed", "removed", "segments"] as const;

function isAbout({ what, target, detail }: AuditRecord, id: SegmentId): boolean {
  if (!what.startsWith("segments.")) return false;
  return target === id || LISTED.some((name) => Array.isArray(detail[name]) && detail[name].includes(id));
}

export function revisionsIn({ revision, revisions }: AuditRecord["detail"]): readonly number[] {
  const all = [revision, ...(Array.isArray(revisions) ? revisions : [])];
  return all.filter((one): one is number => typeof one === "number");
}
