// What a topic of the live stream keeps, and for how long: the feed over an answer that nobody sends, with clocks of its own.
import { EventEmitter } from "node:events";
import type { ServerResponse } from "node:http";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { Channel } from "../../lib/api/live/channel.ts";
import { LiveFeed } from "../../lib/api/live/feed.ts";
import type { Source, Telling } from "../../lib/api/live/source.ts";
import { topicsOf } from "../../lib/api/live/topics.ts";
import { Operating } from "../../lib/api/operations/operating.ts";
import { ClusterInMemory } from "./cluster-in-memory.ts";
import { deltaOf, FakeAudience, TapInMemory } from "./fake-audience.ts";

class Answer extends EventEmitter {
  text = "";
  readonly writableLength = 0;
  /** The id of the last message. */
  get lastId(): string {
    return [...this.text.matchAll(/^id: (.*)$/gm)].at(-1)![1]!;
  }
  writeHead(): void {}
  write(text: string): void {
    this.text += text;
  }
}

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

test("a topic that was closed meanwhile is not resumed: what happened then is told by a snapshot", async () => {
  const audience = new FakeAudience();
  const operating = new Operating(new ClusterInMemory(), async () => []);
  const feed = new LiveFeed({
    audience,
    operating,
    tap: new TapInMemory(),
    streamsPerKeyMax: 1,
    traitsShown: new Set(),
  });
  const listen = async (lastEventId: string): Promise<Answer> => {
    const answer = new Answer();
    await feed.connect({
      response: answer as unknown as ServerResponse,
      headers: {},
      topics: topicsOf("changes"),
      personal: true,
      who: "ann",
      lastEventId,
      isWelcome: () => true,
    });
    return answer;
  };
  const first = await listen("");
  first.emit("close");
  expect(audience.listeners.size).toBe(1);
  vi.runAllTimers();
  expect(audience.listeners.size).toBe(0);
  audience.said = [deltaOf("u1")];
  const again = await listen(first.lastId);
  expect(again.text).toContain('"resumed":false');
  expect(again.text).toContain('"id":"u1"');
  again.emit("close");
  feed.close();
});

describe("of what a channel told", () => {
  const channelOf = () => {
    let seq = 0;
    let tell: (telling: Telling) => void = () => undefined;
    const source: Source = {
      start(given) {
        tell = given;
      },
      stop() {},
      ready: async () => undefined,
      whole: () => () => null,
    };
    const channel = new Channel("t", source, 0, () => {
      seq += 1;
      return seq;
    });
    return { channel, tell: (said: Telling["said"]) => tell({ event: "delta", said }) };
  };

  test("text is kept, and nothing that it was made of", () => {
    const { channel, tell } = channelOf();
    const said = vi.fn((personal: boolean) => (personal ? "Ann" : "•••"));
    tell(said);
    const made = said.mock.calls.length;
    const [told] = channel.since(0)!;
    expect([told!.full, told!.masked]).toEqual([expect.stringContaining("Ann"), expect.stringContaining("•••")]);
    expect(said).toHaveBeenCalledTimes(made);
  });

  test("the masked form counts as the other does", () => {
    const { channel, tell } = channelOf();
    const long = "•".repeat(200_000);
    const tellOne = (): void => tell((personal) => (personal ? "Ann" : long));
    tellOne();
    tellOne();
    expect(channel.since(0)).toHaveLength(2);
    tellOne();
    expect(channel.since(0)).toBeUndefined();
    expect(channel.since(1)).toHaveLength(2);
  });
});
