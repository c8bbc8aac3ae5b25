// rollcall enrich as people and pipes run it: files and stdin in, messages out, no server asked.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { afterAll, expect, test, vi } from "vitest";
import type { JsonObject } from "../../lib/core/types.ts";
import { type Ended, typed } from "../support/cli-rig.ts";

const folder = mkdtempSync(join(tmpdir(), "rollcall-enrich-"));
afterAll(() => rmSync(folder, { recursive: true }));

const rollcall = (...args: string[]): Promise<Ended> => typed(["enrich", ...args]);
const linesOf = (text: string): JsonObject[] =>
  text
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));

function file(...messages: unknown[]): string {
  const path = join(folder, "messages.ndjson");
  writeFileSync(path, messages.map((message) => `${JSON.stringify(message)}\n`).join(""));
  return path;
}

const seen = { type: "track", userId: "u1", event: "Seen" };

test("messages of a file come out with place, device and channel, in order", async () => {
  const context = { ip: "8.8.8.8", userAgent: "curl/8.5.0", library: { name: "analytics.js" } };
  const { code, out, err } = await rollcall(file({ ...seen, context }, { ...seen, event: "Left" }));
  expect({ code, err }).toEqual({ code: 0, err: "" });
  expect(linesOf(out)).toEqual([
    {
      ...seen,
      channel: "web",
      context: {
        userAgent: "curl/8.5.0",
        library: { name: "analytics.js" },
        place: { country: "US" },
        device: { type: "bot", bot: true },
      },
    },
    { ...seen, event: "Left" },
  ]);
});

test("address and user agent from other fields; the address is taken out unless it is to be kept", async () => {
  const path = file({ ...seen, request: { ip: "8.8.8.8", agent: "curl/8.5.0" } });
  const fields = ["--ip-field", "request.ip", "--user-agent-field", "request.agent"];
  const context = { place: { country: "US" }, device: { type: "bot", bot: true } };
  expect(linesOf((await rollcall(path, ...fields)).out)).toEqual([
    { ...seen, request: { agent: "curl/8.5.0" }, context },
  ]);
  expect(linesOf((await rollcall(path, ...fields, "--keep-ip")).out)).toEqual([
    { ...seen, request: { ip: "8.8.8.8", agent: "curl/8.5.0" }, context: { ...context, ip: "8.8.8.8" } },
  ]);
});

test("who is trusted is said; a clock is corrected by the receipt that a message tells of", async () => {
  const place = { country: "FR" };
  const path = file({ ...seen, channel: "till", context: { place } });
  expect(linesOf((await rollcall(path)).out)[0]!.context).toEqual({});
  expect(linesOf((await rollcall(path, "--trusted-sources", "server, till")).out)[0]!.context).toEqual({ place });
  const times = { originalTimestamp: "2024-01-01T00:00:00Z", sentAt: "2024-01-01T00:00:02Z" };
  const received = file({ ...seen, ...times, receivedAt: "2026-11-23T10:00:00Z" }, { ...seen, ...times });
  const [known, unknown] = linesOf((await rollcall(received)).out);
  expect(known!.timestamp).toBe("2026-11-23T09:59:58.000Z");
  expect(unknown).toEqual({ ...seen, ...times });
});

test("live, from a pipe: what is said to be sent now is of now by this machine's clock", async () => {
  const message = { ...seen, timestamp: "2020-01-01T00:00:00Z", sentAt: "2020-01-01T00:00:00Z" };
  const stdin = vi.spyOn(process, "stdin", "get");
  stdin.mockReturnValue(Readable.from([Buffer.from(JSON.stringify(message))]) as unknown as typeof process.stdin);
  const before = Date.now();
  const { out } = await rollcall("--live").finally(() => stdin.mockRestore());
  const at = Date.parse(linesOf(out)[0]!.timestamp as string);
  expect(at).toBeGreaterThanOrEqual(before);
  expect(at).toBeLessThanOrEqual(Date.now());
});

test("a line that is no message is told and left out, the others come through, and the exit code says so", async () => {
  const path = join(folder, "broken.ndjson");
  writeFileSync(path, `{"type":"track"\n${JSON.stringify(seen)}\n[1]\n`);
  const { code, out, err } = await rollcall(path);
  expect(linesOf(out)).toEqual([seen]);
  expect(code).toBe(1);
  expect(err).toBe(
    "line 1: not JSON\nline 3: not a JSON object\nrollcall: 2 lines left out: each should be one JSON object.\n",
  );
});

test("a file that is not there, and a database that is none, are said in a sentence", async () => {
  expect(await rollcall(join(folder, "none"))).toMatchObject({
    code: 2,
    err: expect.stringMatching(/there is no such file/),
  });
  const { code, err } = await rollcall(file(seen), "--places-file", join(folder, "none.mmdb"));
  expect(code).toBe(2);
  expect(err).toMatch(
    /^rollcall: placesFile: .*none\.mmdb cannot be read \(ENOENT\)\. Name an unpacked \.mmdb file.*\n$/,
  );
});
