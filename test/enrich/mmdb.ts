// Writes small databases in MaxMind's format, for tests of what is read from a user's own file.
// The format: https://maxmind.github.io/MaxMind-DB/ – a binary tree over an address's bits, then data, then metadata.
import type { Json, JsonObject } from "../../lib/core/types.ts";

/** `records`: by network, such as `81.2.69.0/24`; IPv4 only. */
export function mmdb(databaseType: string, records: Readonly<Record<string, JsonObject>>): Buffer {
  const root: Node = [undefined, undefined];
  const data: Buffer[] = [];
  let dataBytes = 0;
  for (const [network, record] of Object.entries(records)) {
    insert(root, network, { at: dataBytes });
    const bytes = encode(record);
    data.push(bytes);
    dataBytes += bytes.length;
  }
  const nodes = numbered(root);
  const metadata = encode({
    binary_format_major_version: 2,
    binary_format_minor_version: 0,
    build_epoch: 1_780_000_000,
    database_type: databaseType,
    description: {},
    ip_version: 4,
    languages: [],
    node_count: nodes.length,
    record_size: 24,
  });
  const marker = Buffer.from("\xab\xcd\xefMaxMind.com", "latin1");
  return Buffer.concat([tree(nodes), Buffer.alloc(SEPARATOR_BYTES), ...data, marker, metadata]);
}

const SEPARATOR_BYTES = 16;

interface Leaf {
  readonly at: number;
}
type Node = [Node | Leaf | undefined, Node | Leaf | undefined];

function insert(root: Node, network: string, leaf: Leaf): void {
  const [address, bits] = network.split("/") as [string, string];
  const path = address
    .split(".")
    .map((part) => Number(part).toString(2).padStart(8, "0"))
    .join("")
    .slice(0, Number(bits));
  let node = root;
  for (const bit of path.slice(0, -1)) {
    const side = Number(bit) as 0 | 1;
    node[side] ??= [undefined, undefined];
    node = node[side] as Node;
  }
  node[Number(path.at(-1)) as 0 | 1] = leaf;
}

function numbered(root: Node): Node[] {
  const nodes = [root];
  for (const node of nodes) nodes.push(...node.filter((side) => Array.isArray(side)));
  return nodes;
}

/** A side is a node's number, the number of nodes where nothing is known, or beyond it a place in the data. */
function tree(nodes: readonly Node[]): Buffer {
  const numbers = new Map(nodes.map((node, index) => [node, index] as const));
  const bytes = Buffer.alloc(nodes.length * 6);
  for (const [index, node] of nodes.entries()) {
    for (const [side, value] of node.entries()) {
      const number = Array.isArray(value)
        ? numbers.get(value)!
        : nodes.length + (value ? SEPARATOR_BYTES + value.at : 0);
      bytes.writeUIntBE(number, index * 6 + side * 3, 3);
    }
  }
  return bytes;
}

function encode(value: Json): Buffer {
  if (typeof value === "string") return Buffer.concat([control(2, Buffer.byteLength(value)), Buffer.from(value)]);
  if (typeof value === "number" && Number.isInteger(value) && value >= 0) {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32BE(value);
    return Buffer.concat([control(6, 4), bytes]);
  }
  if (typeof value === "number") {
    const bytes = Buffer.alloc(8);
    bytes.writeDoubleBE(value);
    return Buffer.concat([control(3, 8), bytes]);
  }
  if (Array.isArray(value)) return Buffer.concat([Buffer.from([value.length, 11 - 7]), ...value.map(encode)]);
  if (typeof value !== "object" || value === null) throw new Error(`not needed so far: ${JSON.stringify(value)}`);
  const entries = Object.entries(value as JsonObject);
  return Buffer.concat([control(7, entries.length), ...entries.flatMap(([key, of]) => [encode(key), encode(of)])]);
}

/** The type in the upper three bits, the size in the others; from 29 on it has a byte of its own. */
function control(type: number, size: number): Buffer {
  return size < 29 ? Buffer.from([(type << 5) | size]) : Buffer.from([(type << 5) | 29, size - 29]);
}
