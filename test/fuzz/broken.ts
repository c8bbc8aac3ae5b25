// What is no request as HTTP has it: lines that break off, lengths that lie, bodies that never end, and people who hang up. Beside
// shots.ts, whose requests are whole.
import type { Dice } from "../support/seed.ts";
import type { Shot } from "./shots.ts";
import type { Piece } from "./wire.ts";

/** What a request may take to arrive (httpTimeoutMs, as rig.ts sets it), once more until it is looked for, and a reserve. */
const SLOW_MS_MAX = 30_000;
const ENDED_MS_MAX = 20_000;

interface Kind {
  readonly pieces: readonly Piece[];
  /** Whether an answer is waited for; else it is enough that the connection ends. */
  readonly hangUp?: true;
  readonly isSlow?: true;
  /** Of one that is whole after all: whose answers come. */
  readonly methods?: readonly string[];
}

type Make = (dice: Dice, head: (line: string, ...headers: string[]) => string) => Kind;

const BODY = '{"userId":"u1","event":"A"}';

function said(...texts: readonly (string | Buffer)[]): Kind {
  return { pieces: texts.map((text) => ({ bytes: typeof text === "string" ? Buffer.from(text, "latin1") : text })) };
}

const KINDS: Readonly<Record<string, Make>> = {
  "line that breaks off": (dice, head) => said(head("POST /v1/track").slice(0, dice.int(1, 60))),
  "bytes of no kind": (dice) => said(Buffer.from(Array.from({ length: dice.int(1, 400) }, () => dice.int(0, 255)))),
  "hello of TLS": () => said(Buffer.from("16030100f8010000f40303", "hex"), Buffer.alloc(240, 7)),
  "preface of HTTP/2": () => said("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
  "other versions": (dice) =>
    said(`GET /healthz HTTP/${dice.pick(["0.9", "1.9", "9.9", "2", "x"])}\r\nhost: a\r\n\r\n`),
  "version 1.0": () => said("GET /healthz HTTP/1.0\r\n\r\n"),
  "no version": () => said("GET /healthz\r\n\r\n"),
  "other methods": (dice) =>
    said(
      `${dice.pick(["get", "G\0T", "CONNECT", "TRACE", "PROPFIND", "X".repeat(500), "M-SEARCH", ""])} /v1/track HTTP/1.1\r\nhost: a\r\n\r\n`,
    ),
  "other targets": (dice) =>
    said(
      `GET ${dice.pick(["http://evil.example/v1/segments", "//evil.example/", "*", "evil.example:443", "v1", "?", "#", "/v1/segments#x", "/\xff\xfe", "/v1/users/a b", "/v1/\0", `/${"a".repeat(15_000)}`, `/${"a".repeat(40_000)}`, "/v1/users/..%2f..%2fetc", "/v1/./users/../segments", "/%"])} HTTP/1.1\r\nhost: a\r\n\r\n`,
    ),
  hosts: (dice) =>
    said(
      `GET /healthz HTTP/1.1\r\n${dice.pick(["", "host: a\r\nhost: b\r\n", "host:\r\n", "host: \xff\r\n", "host: a b\r\n"])}\r\n`,
    ),
  "large headers": (dice, head) =>
    said(head("GET /v1/segments", `x: ${"x".repeat(dice.pick([8_000, 17_000, 200_000]))}`)),
  "many headers": (dice, head) =>
    said(head("GET /v1/segments", ...Array.from({ length: dice.pick([200, 3_000]) }, (_, n) => `x${n}: 1`))),
  "headers of no form": (dice, head) =>
    said(
      head(
        "GET /v1/segments",
        dice.pick(["no colon", " : x", "x y: 1", "x\0: 1", "x: \0", "x: a\r\n b", "x: a\rb", "\xff: 1", ": x", "x:"]),
      ),
    ),
  "bare line feeds": () => said("GET /healthz HTTP/1.1\nhost: a\n\n"),
  "lengths that lie": (dice, head) =>
    said(
      head(
        "POST /v1/track",
        "content-type: application/json",
        `content-length: ${dice.pick(["-1", "x", "1e3", "0x10", "", "5", "9999", "99999999999999999999", "27, 27", "+27", "27 "])}`,
      ),
      BODY,
    ),
  "two lengths": (_, head) =>
    said(head("POST /v1/track", "content-type: application/json", "content-length: 27", "content-length: 5"), BODY),
  "length and chunks": (_, head) =>
    said(
      head("POST /v1/track", "content-type: application/json", "content-length: 27", "transfer-encoding: chunked"),
      `1b\r\n${BODY}\r\n0\r\n\r\n`,
    ),
  "other encodings": (dice, head) =>
    said(
      head(
        "POST /v1/track",
        "content-type: application/json",
        `transfer-encoding: ${dice.pick(["gzip", "xchunked", "chunked, chunked", "gzip, chunked", "identity", "\x0bchunked"])}`,
      ),
      BODY,
    ),
  "chunks that lie": (dice, head) =>
    said(
      head("POST /v1/track", "content-type: application/json", "transfer-encoding: chunked"),
      dice.pick([
        "zz\r\n",
        "-1\r\n",
        `ffffffffffffffffff\r\n${BODY}`,
        `5\r\n${BODY}\r\n0\r\n\r\n`,
        `1b;${"x".repeat(20_000)}\r\n`,
        `1b\r\n${BODY}\r\n0\r\n${"t: x\r\n".repeat(3_000)}\r\n`,
        "0\r\n",
      ]),
    ),
  expectations: (dice, head) =>
    said(
      head(
        "POST /v1/track",
        "content-type: application/json",
        `expect: ${dice.pick(["100-continue", "200-ok", ""])}`,
        "content-length: 27",
      ),
      BODY,
    ),
  upgrades: (dice, head) =>
    said(
      head(
        "GET /v1/live",
        "connection: upgrade",
        `upgrade: ${dice.pick(["websocket", "h2c", "x", ""])}`,
        "sec-websocket-key: x",
      ),
    ),
  "request behind a request": (_, head) =>
    said(
      head("POST /v1/track", "content-type: application/json", "content-length: 27"),
      `${BODY}${head("DELETE /v1/nothing")}garbage`,
    ),
  "large body": (dice, head) => {
    const bytes = dice.pick([600_000, 3_000_000, 20_000_000]);
    const route = dice.pick(["/v1/track", "/v1/batch", "/v1/segments", "/v1/items", "/v1/decide"]);
    return said(
      head(`POST ${route}`, "content-type: application/json", `content-length: ${bytes}`),
      Buffer.alloc(bytes, 0x20),
    );
  },
  "large body in chunks": (_, head) =>
    said(
      head("POST /v1/batch", "content-type: application/json", "transfer-encoding: chunked"),
      `100000\r\n${" ".repeat(0x100000)}\r\n0\r\n\r\n`,
    ),
  "hung up within a body": (dice, head) => ({
    ...said(
      head(
        `POST ${dice.pick(["/v1/track", "/v1/batch", "/v1/segments", "/v1/items"])}`,
        "content-type: application/json",
        "content-length: 27",
      ),
      BODY.slice(0, dice.int(0, 20)),
    ),
    hangUp: true,
  }),
  "hung up before the answer": (dice, head) => ({
    ...said(
      head(
        `GET ${dice.pick(["/openapi.json", "/v1/segments", "/v1/live", "/v1/live?topics=events,user:u1", "/v1/catalog/events", "/v1/search?q=u", "/metrics", "/docs/static/swagger-ui-bundle.js"])}`,
      ),
    ),
    hangUp: true,
  }),
  "many at once, and hung up": (dice, head) => ({
    ...said(
      head(`GET ${dice.pick(["/openapi.json", "/v1/segments/fuzz-0/members", "/v1/users/u1"])}`).repeat(
        dice.int(5, 40),
      ),
    ),
    hangUp: true,
  }),
  "slow line": (dice, head) => ({ ...dribbled(dice, head("GET /v1/segments").slice(0, 30)), isSlow: true }),
  "slow body": (dice, head) => ({
    ...dribbled(dice, `${head("POST /v1/batch", "content-type: application/json", "content-length: 1000")}{"batch":`),
    isSlow: true,
  }),
  "slow, and whole": (_, head) => {
    const text = `${head("POST /v1/track", "content-type: application/json", `content-length: ${BODY.length}`)}${BODY}`;
    return {
      pieces: text.match(/.{1,40}/gs)!.map((part) => ({ bytes: Buffer.from(part), pauseMs: 40 })),
      methods: ["POST"],
    };
  },
};

function dribbled(dice: Dice, text: string): Kind {
  const at = dice.int(1, text.length - 1);
  return {
    pieces: [text.slice(0, at), text.slice(at)].map((part) => ({ bytes: Buffer.from(part, "latin1"), pauseMs: 100 })),
  };
}

/** What answers it, if anything does, answers no method. */
const NO_METHOD = "BROKEN";
/** Few of them: each holds a lane for as long as the server has patience. */
const SLOW_SHARE = 0.2;

export function brokenShot(dice: Dice, index: number, key: string): Shot {
  const names = Object.keys(KINDS);
  let name = dice.pick(names);
  while (name.startsWith("slow ") && !dice.chance(SLOW_SHARE)) name = dice.pick(names);
  const head = (line: string, ...headers: string[]): string =>
    `${line} HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer ${key}\r\n${headers.map((header) => `${header}\r\n`).join("")}\r\n`;
  const { pieces, hangUp, isSlow, methods } = KINDS[name]!(dice, head);
  return {
    index,
    group: "broken",
    name,
    requests: [],
    methods: methods ?? [NO_METHOD],
    pieces,
    boundMs: isSlow === true ? SLOW_MS_MAX : ENDED_MS_MAX,
    isBroken: methods === undefined,
    ...(hangUp === true ? { hangUp } : isSlow === true || methods !== undefined ? {} : { halfClose: true as const }),
  };
}
