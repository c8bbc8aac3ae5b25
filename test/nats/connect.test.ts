// Connecting: as whom, to what, and in which words it is refused. Old servers are played by a socket that says so.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { type AddressInfo, createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { nkeys } from "@nats-io/transport-node";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  type ConnectionLog,
  connectNats,
  type NatsSettings,
  ServerTooOld,
  ServerUnreachable,
} from "../../lib/nats/connect.ts";
import { PATIENTLY, startTestServer, type TestServer } from "../support/nats.ts";

const who = { role: "worker", instance: "w1" };
const user = nkeys.createUser();
let folder: string;
let server: TestServer;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "rollcall-connect-"));
  server = await startTestServer({
    credentials: { user: "ann", password: "p@ss:w/rd" },
    extra: `authorization { users: [ { user: ann, password: "p@ss:w/rd" }, { nkey: ${user.getPublicKey()} } ] }`,
  });
});

afterAll(async () => {
  await server.stop();
  await rm(folder, { recursive: true, force: true });
});

async function nameAt(settings: NatsSettings): Promise<string | undefined> {
  const nc = await connectNats(settings, who);
  try {
    return nc.info?.client_id === undefined ? undefined : `${nc.getServer()}`;
  } finally {
    await nc.close();
  }
}

describe("as whom", () => {
  test("user and password, beside the address or percent-encoded in it", async () => {
    const at = `127.0.0.1:${server.port}`;
    expect(await nameAt({ url: `nats://${at}`, user: "ann", password: "p@ss:w/rd" })).toBe(at);
    expect(await nameAt({ url: `nats://ann:p%40ss%3Aw%2Frd@${at}` })).toBe(at);
    expect(await nameAt({ url: `ann:p%40ss%3Aw%2Frd@${at}` })).toBe(at);
  });

  test("an nkey from its file", async () => {
    const nkey = join(folder, "user.nk");
    await writeFile(nkey, `${new TextDecoder().decode(user.getSeed())}\n`);
    expect(await nameAt({ url: server.url, nkey })).toBe(`127.0.0.1:${server.port}`);
  });

  test("a refusal names the address and no password", async () => {
    const refused = connectNats({ url: `nats://ann:wrong-one@127.0.0.1:${server.port}` }, who);
    await expect(refused).rejects.toThrow(ServerUnreachable);
    const message = await refused.catch((error: Error) => error.message);
    expect(message).toContain(`No connection to NATS at nats://127.0.0.1:${server.port}: Authorization Violation`);
    expect(message).toContain("NATS_USER and NATS_PASSWORD");
    expect(message).not.toContain("wrong-one");
  });

  test("a file that is not there is named with its variable", async () => {
    const creds = join(folder, "none.creds");
    await expect(connectNats({ url: server.url, creds }, who)).rejects.toThrow(
      `NATS_CREDS names ${creds}, which cannot be read (ENOENT)`,
    );
  });
});

/** Speaks as much of the protocol as a connect needs. */
async function playedServer(info: Record<string, unknown>): Promise<{ url: string; server: Server }> {
  const played = createServer((socket) => {
    socket.write(
      `INFO ${JSON.stringify({ server_id: "x", max_payload: 1_000_000, proto: 1, headers: true, ...info })}\r\n`,
    );
    socket.on("data", (chunk) => {
      if (chunk.toString().includes("PING")) socket.write("PONG\r\n");
    });
    socket.on("error", () => {});
  });
  await new Promise<void>((listening) => played.listen(0, "127.0.0.1", listening));
  return { url: `nats://127.0.0.1:${(played.address() as AddressInfo).port}`, server: played };
}

describe("to what", () => {
  test.each([
    [
      { version: "2.11.12", jetstream: true },
      /is version 2\.11\.12; Rollcall needs 2\.12\.0 or newer.*Upgrade it, or point NATS_URL/,
    ],
    [{ version: "2.12.0" }, /runs without JetStream. Add a `jetstream \{\}` block/],
  ])("%j is refused", async (info, message) => {
    const played = await playedServer(info);
    const refused = connectNats({ url: played.url }, who);
    await expect(refused).rejects.toThrow(ServerTooOld);
    await expect(refused).rejects.toThrow(message);
    await new Promise((closed) => played.server.close(closed));
  });

  test("nobody there", async () => {
    const played = await playedServer({});
    await new Promise((closed) => played.server.close(closed));
    await expect(connectNats({ url: played.url }, who)).rejects.toThrow(
      /No connection to NATS at .*Is it running\? NATS_URL says where/,
    );
  });
});

test("a lost connection is told, and comes back by itself when the server does", async () => {
  const told: string[] = [];
  let back: () => void = () => {};
  const again = new Promise<void>((resolve) => {
    back = resolve;
  });
  const tell = (_: object, message: string): void => {
    told.push(message);
    if (message === "nats: connected again") back();
  };
  const log: ConnectionLog = { info: tell, warn: tell, error: tell };
  const own = await startTestServer();
  const nc = await connectNats({ url: own.url }, { ...who, log });
  await own.kill9();
  await own.restart();
  await again;
  expect(told).toEqual(["nats: connection lost, reconnecting", "nats: connected again"]);
  expect((await nc.request("$JS.API.INFO", "", PATIENTLY)).json()).toMatchObject({
    type: "io.nats.jetstream.api.v1.account_info_response",
  });
  await nc.close();
  await own.stop();
});
