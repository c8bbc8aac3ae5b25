// As whom a request counts where there is a limit: as its key, or as the network that it comes from. Whoever has an IPv6 address has
// the 2^64 addresses of its net as well, so all of them are one. Used by refused-keys.ts, by doors.ts and
// for live streams.
import { isIPv6 } from "node:net";
import type { FastifyRequest } from "fastify";

const GROUPS = 8;
/** Of a /64. */
const GROUPS_OF_NET = 4;
/** What stands before an IPv4 address that is written as IPv6: ::ffff:10.0.0.1. */
const MAPPED = [0, 0, 0, 0, 0, 0xffff];

export function countedAs({ caller, ip }: FastifyRequest): string {
  return caller.key?.id ?? networkOf(ip);
}

/** What a proxy calls an address and is none stands for itself. */
export function networkOf(address: string): string {
  const [plain = ""] = address.split("%");
  if (!isIPv6(plain)) return address;
  const groups = groupsOf(plain);
  if (MAPPED.every((group, index) => groups[index] === group)) {
    return groups
      .slice(MAPPED.length)
      .flatMap((group) => [group >> 8, group & 0xff])
      .join(".");
  }
  const net = groups.slice(0, GROUPS_OF_NET).map((group) => group.toString(16));
  return `${net.join(":")}::/64`;
}

function groupsOf(address: string): readonly number[] {
  const [front = "", back = ""] = address.split("::");
  const [first, last] = [written(front), written(back)];
  return [...first, ...Array<number>(GROUPS - first.length - last.length).fill(0), ...last];
}

/** The last two groups may be written as an IPv4 address. */
function written(groups: string): readonly number[] {
  if (groups === "") return [];
  return groups.split(":").flatMap((group) => {
    if (!group.includes(".")) return [Number.parseInt(group, 16)];
    const [a, b, c, d] = group.split(".").map(Number) as [number, number, number, number];
    return [a * 256 + b, c * 256 + d];
  });
}
