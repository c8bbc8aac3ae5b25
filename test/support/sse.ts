// Reads server-sent events as a browser does: named moments instead of a stream of bytes. For tests of /v1/live.

export interface SseEvent {
  readonly event: string;
  readonly id: string | undefined;
  readonly topic: string | undefined;
  readonly data: unknown;
  readonly retryMs: number | undefined;
}

export interface SseStream {
  readonly status: number;
  readonly headers: Headers;
  /** The next one that is meant; what comes before it is passed over. Throws when the stream ends first. */
  next(wanted: (event: SseEvent) => boolean): Promise<SseEvent>;
  /** The last id that came. */
  readonly lastId: string;
  /** Everything that came and was no event. */
  readonly comments: readonly string[];
  /** Of a refusal. */
  body(): Promise<unknown>;
  close(): void;
}

export async function openSse(url: string, headers: Record<string, string> = {}): Promise<SseStream> {
  const abort = new AbortController();
  const response = await fetch(url, { headers, signal: abort.signal });
  const isStream = response.headers.get("content-type")?.startsWith("text/event-stream") === true;
  const reader = isStream ? response.body!.pipeThrough(new TextDecoderStream()).getReader() : undefined;
  const comments: string[] = [];
  let text = "";
  let lastId = "";
  return {
    status: response.status,
    headers: response.headers,
    comments,
    get lastId() {
      return lastId;
    },
    async next(wanted) {
      for (;;) {
        for (let end = text.indexOf("\n\n"); end >= 0; end = text.indexOf("\n\n")) {
          const lines = text.slice(0, end).split("\n");
          text = text.slice(end + 2);
          if (lines[0]!.startsWith(":")) comments.push(lines[0]!);
          const event = eventOf(lines);
          if (event.id !== undefined) lastId = event.id;
          if (event.event !== "" && wanted(event)) return event;
        }
        const { value, done } = await reader!.read();
        if (done) throw new Error("the stream ended");
        text += value;
      }
    },
    body: () => response.json(),
    close: () => abort.abort(),
  };
}

function eventOf(lines: readonly string[]): SseEvent {
  const field = (name: string): string | undefined =>
    lines.find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2);
  const said = field("data");
  const read = said === undefined ? undefined : (JSON.parse(said) as { topic?: string; data?: unknown });
  const retry = field("retry");
  return {
    event: field("event") ?? "",
    id: field("id"),
    topic: read?.topic,
    data: read?.topic === undefined ? read : read.data,
    retryMs: retry === undefined ? undefined : Number(retry),
  };
}

export function isDelta(topic: string): (event: SseEvent) => boolean {
  return (event) => event.event === "delta" && event.topic === topic;
}

export function isSnapshot(topic: string): (event: SseEvent) => boolean {
  return (event) => event.event === "snapshot" && event.topic === topic;
}

export function isCalled(name: string): (event: SseEvent) => boolean {
  return (event) => event.event === name;
}
