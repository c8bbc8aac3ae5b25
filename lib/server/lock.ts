// One instance a data directory: a file that names the process that holds it and the server it runs. A crash leaves the
// file behind; the next start sees that nobody stands behind it any more. Used by supervise.ts.
import { readFileSync } from "node:fs";
import { link, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";

export class DataDirInUse extends Error {
  override readonly name = "DataDirInUse";
}

/** A process and when it began: a number alone is given to another process sooner or later. */
export interface ProcessMark {
  readonly pid: number;
  /** Ticks since boot, where /proc tells; else "". */
  readonly began: string;
}

export interface DataDirLock {
  /** Writes down which server runs, so that a successor can end it when we cannot. */
  server(pid: number): Promise<void>;
  release(): Promise<void>;
}

interface LockFile {
  readonly holder: ProcessMark;
  readonly server?: ProcessMark;
}

/** Takes the directory or throws DataDirInUse; gives the server that a dead holder left running, if there is one. */
export async function lockDataDir(dataDir: string): Promise<{ lock: DataDirLock; orphan: ProcessMark | undefined }> {
  const path = join(dataDir, "nats-server.pid");
  const holder = markOf(process.pid);
  let orphan: ProcessMark | undefined;
  while (!(await create(path, { holder }))) {
    const found = await read(path);
    if (found !== undefined && isAlive(found.holder)) throw new DataDirInUse(inUse(dataDir, found.holder.pid));
    if (found?.server !== undefined && isAlive(found.server)) orphan = found.server;
    await removeStale(path, found);
  }
  const lock: DataDirLock = {
    server: (pid) => replace(path, { holder, server: markOf(pid) }),
    release: () => rm(path, { force: true }),
  };
  return { lock, orphan };
}

export function isAlive(mark: ProcessMark): boolean {
  try {
    process.kill(mark.pid, 0);
  } catch (error) {
    // EPERM: it lives, but belongs to somebody else.
    if ((error as NodeJS.ErrnoException).code !== "EPERM") return false;
  }
  return mark.began === "" || began(mark.pid) === mark.began;
}

export function markOf(pid: number): ProcessMark {
  return { pid, began: began(pid) };
}

/** Field 22 of /proc/<pid>/stat. The name in field 2 may hold spaces and parentheses, so it is counted from its end. */
function began(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    // A zombie has ended; only its parent has not looked yet.
    return fields[0] === "Z" ? "ended" : (fields[19] ?? "");
  } catch {
    return "";
  }
}

/** link() fails when the name is taken, and what it links is complete: nobody reads half a lock. */
async function create(path: string, content: LockFile): Promise<boolean> {
  const own = `${path}.${process.pid}`;
  await writeFile(own, JSON.stringify(content));
  try {
    await link(own, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  } finally {
    await rm(own, { force: true });
  }
}

async function replace(path: string, content: LockFile): Promise<void> {
  const own = `${path}.${process.pid}`;
  await writeFile(own, JSON.stringify(content));
  await rename(own, path);
}

async function read(path: string): Promise<LockFile | undefined> {
  try {
    return JSON.parse(await readFile(path, "utf8")) as LockFile;
  } catch {
    // Gone meanwhile, or no lock of ours: nobody stands behind it either way.
    return undefined;
  }
}

/** Two starts may find the same stale file; what is moved aside is looked at again, and put back if it is a new lock. */
async function removeStale(path: string, seen: LockFile | undefined): Promise<void> {
  const aside = `${path}.stale.${process.pid}`;
  await rename(path, aside).catch(() => {});
  const moved = await read(aside);
  if (moved !== undefined && moved.holder.pid !== seen?.holder.pid && isAlive(moved.holder)) {
    await link(aside, path).catch(() => {});
  }
  await rm(aside, { force: true });
}

function inUse(dataDir: string, pid: number): string {
  return (
    `The data directory ${dataDir} is in use by another instance (process ${pid}). ` +
    "Stop that one, or give this one a directory of its own: ROLLCALL_DATA_DIR or --data-dir."
  );
}
