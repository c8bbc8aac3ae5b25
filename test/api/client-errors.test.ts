// What is no request as HTTP has it, over a bare socket: it is refused in the same shape as everything else.
import { once } from "node:events";
import { connect } from "node:net";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type ApiInMemory, apiInMemory } from "./api-in-memory.ts";

let api: ApiInMemory;
let port: number;
beforeEach(() => serve());
afterEach(() => api.close());

async function serve(http: Parameters<typeof apiInMemory>[0] = {}): Promise<void> {
  api = await apiInMemory(http);
  port = Number(new URL(await api.app.listen({ host: "127.0.0.1", port: 0 })).port);
}

/** All that comes back, until the connection ends. */
async function answered(bytes: string): Promise<string> {
  const socket = connect(port, "127.0.0.1").setEncoding("utf8");
  let text = "";
  socket.on("data", (more) => {
    text += more;
  });
  socket.write(bytes);
  await once(socket, "close");
  return text;
}

const HEAD = "POST /v1/track HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n";

test.each([
  ["bytes of no kind", "\x16\x03\x01\x00\xf8\r\n\r\n", "400 Bad Request", "bad-request"],
  ["a length that is none", `${HEAD}content-length: x\r\n\r\n`, "400 Bad Request", "bad-request"],
  [
    "a length and chunks",
    `${HEAD}content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n{}`,
    "400 Bad Request",
    "bad-request",
  ],
  [
    "headers without end",
    `GET / HTTP/1.1\r\nhost: a\r\nx: ${"x".repeat(70_000)}`,
    "431 Request Header Fields Too Large",
    "too-large",
  ],
])("%s", (_, bytes, status, code) => expectRefused(bytes, status, code));

test.each([
  ["headers that do not come", "POST /v1/track HTTP/1.1\r\nhost: a\r\nx: "],
  ["a body that does not come", `${HEAD}content-length: 1000\r\n\r\n{"userId":`],
])("%s", async (_, bytes) => {
  await api.close();
  await serve({ timeoutMs: 200 });
  await expectRefused(bytes, "408 Request Timeout", "too-slow");
});

async function expectRefused(bytes: string, status: string, code: string): Promise<void> {
  const [head, body] = (await answered(bytes)).split("\r\n\r\n") as [string, string];
  expect(head.split("\r\n")[0]).toBe(`HTTP/1.1 ${status}`);
  expect(head).toMatch(/^content-type: application\/json/m);
  expect(JSON.parse(body)).toEqual({ error: { code, message: expect.stringMatching(/\.$/) } });
}

test("a host that is not named, and an expectation that nobody knows, are no matter of a status alone", async () => {
  const get = "GET /healthz HTTP/1.1\r\nconnection: close\r\n";
  const unnamed = await answered(`${get}\r\n`);
  expect(unnamed).toMatch(/^HTTP\/1.1 400 Bad Request\r\n/);
  expect(unnamed).toMatch(/"code":"bad-request","message":".*add the header host/);
  expect(await answered(`${get}host: localhost\r\nexpect: cake\r\n\r\n`)).toMatch(/^HTTP\/1.1 200 OK\r\n/);
  expect(await answered("GET /healthz HTTP/1.0\r\n\r\n")).toMatch(/^HTTP\/1.1 200 OK\r\n/);
});

test("it bears the headers of every other refusal", async () => {
  const [routed, parsed] = [
    await answered("GET /nowhere HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n"),
    await answered("nonsense\r\n\r\n"),
  ].map(headersOf);
  expect(parsed).toEqual(routed);
  expect(parsed).toMatchObject({ "x-content-type-options": "nosniff", "cache-control": "no-store" });
});

/** Of what differs with every answer, the name alone. */
function headersOf(answer: string): Record<string, string> {
  const [head] = answer.split("\r\n\r\n") as [string];
  const lines = head.split("\r\n").slice(1);
  const headers = lines.map((line) => {
    const [name, value] = line.split(/: (.*)/) as [string, string];
    return [name.toLowerCase(), /^(date|content-length)$/i.test(name) ? "…" : value];
  });
  return Object.fromEntries(headers);
}
