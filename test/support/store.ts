// The store of a stopped nats-server, as it lies on the disk: what a power cut, a bad disk or a restored backup does to it.
// Stands beside nats.ts, which runs the server; used by test/chaos/storage and test/deep/regression.test.ts.
import { cp, mkdir, open, readdir, readFile, rm, stat, truncate } from "node:fs/promises";
import { join } from "node:path";

/** The one account of a server without users. */
const ACCOUNT = "$G";
/** Record length, sequence, stamp, length of the subject. */
const RECORD_HEAD_BYTES = 22;
/** The top bit of a record's length says that it has headers. */
const LENGTH_MASK = 0x7fff_ffff;
const COMPRESSED = "cmp";

/** Where one message lies in a block file. */
export interface RecordPlace {
  readonly file: string;
  readonly seq: number;
  readonly subject: string;
  readonly start: number;
  readonly bytes: number;
}

export class Store {
  private readonly root: string;

  /** `dataDir` as test/support/nats.ts names it. */
  constructor(dataDir: string) {
    this.root = join(dataDir, "nats", "jetstream", ACCOUNT, "streams");
  }

  /** Streams that the store holds. */
  async streams(): Promise<string[]> {
    return (await readdir(this.root)).sort();
  }

  /** Without its index the server must make it again from the blocks, as after a power cut. */
  async forgetIndex(stream: string): Promise<void> {
    await rm(join(this.messages(stream), "index.db"), { force: true });
  }

  /** The last `count` messages are gone, as if they had never reached the disk. */
  async cutTail(stream: string, count: number): Promise<void> {
    const places = await this.newest(stream);
    const first = places.at(-count);
    if (first === undefined) throw new Error(`the last block of ${stream} holds fewer than ${count} messages`);
    await truncate(first.file, first.start);
    await this.forgetIndex(stream);
  }

  /** The last message is there in part only. */
  async tearLast(stream: string): Promise<void> {
    const last = (await this.newest(stream)).at(-1)!;
    await truncate(last.file, last.start + Math.floor(last.bytes / 2));
    await this.forgetIndex(stream);
  }

  /** Bytes that are no message stand behind the last one. */
  async appendGarbage(stream: string, bytes: Uint8Array): Promise<void> {
    const { file } = (await this.newest(stream)).at(-1)!;
    const handle = await open(file, "a");
    await handle.write(bytes);
    await handle.close();
    await this.forgetIndex(stream);
  }

  /** One bit in the middle of a message's body is another one. The index stays as it is. */
  async flipBit(stream: string, seq: number): Promise<void> {
    const place = (await this.newest(stream)).find((one) => one.seq === seq);
    if (place === undefined) throw new Error(`message ${seq} of ${stream} is not in its last block`);
    await flip(place.file, place.start + Math.floor(place.bytes * 0.6));
  }

  /** The same for the middle one of those messages whose subject begins so. */
  async flipBitOf(stream: string, subjectPrefix: string): Promise<void> {
    const places = (await this.newest(stream)).filter(({ subject }) => subject.startsWith(subjectPrefix));
    const place = places[Math.floor(places.length / 2)];
    if (place === undefined) throw new Error(`the last block of ${stream} holds nothing under ${subjectPrefix}`);
    await flip(place.file, place.start + Math.floor(place.bytes * 0.6));
  }

  /** The same in the middle of the oldest block, which the server has closed and compressed. */
  async flipBitInOldestBlock(stream: string): Promise<void> {
    const files = await this.blocks(stream);
    const oldest = files[0]!;
    const head = (await readFile(oldest)).subarray(0, COMPRESSED.length).toString("latin1");
    if (files.length < 2 || head !== COMPRESSED) throw new Error(`${stream} has no closed block yet`);
    await flip(oldest, Math.floor((await stat(oldest)).size / 2));
  }

  /** Copies whole streams to a folder, as a backup does. */
  async copy(streams: readonly string[], to: string): Promise<void> {
    await mkdir(to, { recursive: true });
    for (const stream of streams) await cp(join(this.root, stream), join(to, stream), { recursive: true });
  }

  /** Puts copies in the place of what is there. */
  async putBack(streams: readonly string[], from: string): Promise<void> {
    for (const stream of streams) {
      await rm(join(this.root, stream), { recursive: true, force: true });
      await cp(join(from, stream), join(this.root, stream), { recursive: true });
    }
  }

  /** The stream is gone with all that belongs to it. */
  async remove(stream: string): Promise<void> {
    await rm(join(this.root, stream), { recursive: true });
  }

  private messages(stream: string): string {
    return join(this.root, stream, "msgs");
  }

  /** Oldest first. */
  private async blocks(stream: string): Promise<string[]> {
    const names = (await readdir(this.messages(stream))).filter((name) => name.endsWith(".blk"));
    return names
      .sort((a, b) => Number.parseInt(a, 10) - Number.parseInt(b, 10))
      .map((name) => join(this.messages(stream), name));
  }

  /** The messages of the block that the server was writing: the only one that is never compressed. */
  private async newest(stream: string): Promise<RecordPlace[]> {
    const file = (await this.blocks(stream)).at(-1)!;
    const bytes = await readFile(file);
    const places: RecordPlace[] = [];
    for (let start = 0; start + RECORD_HEAD_BYTES <= bytes.length; ) {
      const length = bytes.readUInt32LE(start) & LENGTH_MASK;
      const seq = Number(bytes.readBigUInt64LE(start + 4));
      const subjectAt = start + RECORD_HEAD_BYTES;
      const subject = bytes.toString(
        "latin1",
        subjectAt,
        subjectAt + bytes.readUInt16LE(start + RECORD_HEAD_BYTES - 2),
      );
      places.push({ file, seq, subject, start, bytes: length });
      start += length;
    }
    return places;
  }
}

async function flip(file: string, at: number): Promise<void> {
  const handle = await open(file, "r+");
  const byte = Buffer.alloc(1);
  await handle.read(byte, 0, 1, at);
  byte[0]! ^= 0b0000_0100;
  await handle.write(byte, 0, 1, at);
  await handle.close();
}
