// Which nats-server is new enough, and how its version is read and compared. find, fetch and lib/nats/connect ask here.

export interface ServerVersion {
  readonly major: number;
  readonly minor: number;
  readonly patch: number;
}

/** Atomic batches and compare-and-set per message, which fencing stands on, came with 2.12. */
export const SERVER_VERSION_MIN: ServerVersion = { major: 2, minor: 12, patch: 0 };

/** Reads "nats-server: v2.15.1", "2.12.0-RC.1", Debian's "2.15.1-1" …; undefined when there is no version in it. */
export function parseVersion(text: string): ServerVersion | undefined {
  const found = /(?:^|[^\d.])v?(\d+)\.(\d+)\.(\d+)/.exec(text);
  if (found === null) return undefined;
  return { major: Number(found[1]), minor: Number(found[2]), patch: Number(found[3]) };
}

export function formatVersion(version: ServerVersion): string {
  return `${version.major}.${version.minor}.${version.patch}`;
}

export function isNewEnough(version: ServerVersion): boolean {
  const min = SERVER_VERSION_MIN;
  if (version.major !== min.major) return version.major > min.major;
  if (version.minor !== min.minor) return version.minor > min.minor;
  return version.patch >= min.patch;
}
