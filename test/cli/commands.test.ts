// The commands against a real server and a real worker, as a person types them: output, exit codes, remedies.

import { readFile } from "node:fs/promises";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { encodeDelta } from "../../lib/core/deltas.ts";
import { provision } from "../../lib/nats/provision.ts";
import { type CliRig, openCliRig } from "../support/cli-rig.ts";
import { PATIENTLY, startTestServer, testDataSet } from "../support/nats.ts";
import { until } from "../support/until.ts";

const PARTITIONS = 4;
let rig: CliRig;

beforeAll(async () => {
  rig = await openCliRig(PARTITIONS, { clock: "event" });
});
afterAll(() => rig.close());

const rollcall = (...args: string[]) => rig.rollcall(...args);
const fileOf = (name: string, content: string | Buffer) => rig.fileOf(name, content);

const HEADER = "event_time,event_type,product_id,category_id,category_code,brand,price,user_id,user_session";

/** A clickstream in the form of the example mapping: forty people look, some fill carts, some buy. */
function clickstream(): string {
  const rows = Array.from({ length: 400 }, (_, index) => {
    const second = String(index % 60).padStart(2, "0");
    const minute = String(Math.floor(index / 60)).padStart(2, "0");
    const type = index % 11 === 0 ? "cart" : index % 29 === 0 ? "purchase" : "view";
    const brand = ["apple", "samsung", ""][index % 3];
    return `2019-10-01 00:${minute}:${second} UTC,${type},${1_000 + (index % 17)},205301,electronics.smartphone,${brand},${10 + (index % 90)}.50,${500 + (index % 40)},s-${index % 40}`;
  });
  return [HEADER, ...rows, "2019-10-01 00:07:00 UTC,view,1001,205301,electronics"].join("\n");
}

describe("segments", () => {
  test("apply: every problem with its place, nothing applied, exit 2", async () => {
    const path = await fileOf(
      "broken.yaml",
      "id: Broken\nrule:\n  evnt: { name: Ping }\n---\nid: half\nrule: { cart: { value: { gte: x } } }\n",
    );
    const { code, err, out } = await rollcall("segments", "apply", path);
    expect(code).toBe(2);
    expect(err).toContain(`${path}:3:3: error: `);
    expect(err).toContain("did you mean event?");
    expect(err).toContain(`${path}:6:`);
    expect(err).toMatch(/\d problems; nothing was applied\./);
    expect(out).toBe("");
  });

  test("apply: dry run, apply, apply again, change, wait until in force", async () => {
    const dry = await rollcall(
      "segments",
      "apply",
      "--dry-run",
      "config/segments/shop",
      "examples/rees46.segments.yaml",
    );
    expect(dry).toMatchObject({
      code: 0,
      out: expect.stringContaining("21 new, 0 changed, 0 unchanged; nothing was applied"),
    });
    const first = await rollcall("segments", "apply", "config/segments/shop", "examples/rees46.segments.yaml");
    expect(first.out).toContain("+ cart-under-100  new");
    expect(first.err).toContain(`in force in all ${PARTITIONS} partitions`);
    const odd = await fileOf("odd.yaml", "id: odd\nrule:\n  item: { action: veiwed }\n");
    const warned = await rollcall("segments", "apply", "--dry-run", odd);
    expect(warned.err).toContain(`${odd}:3:11: warning: rule.item.action: never true: no event`);
    expect(warned.err).toContain("did you mean viewed?");
    expect(warned.out).toMatch(/^\+ odd {2}new\n {2}\w+: it /);
    const again = await rollcall("segments", "apply", "config/segments/shop");
    expect(again.out).toBe("0 new, 0 changed, 8 unchanged\n");
    const text = (await readFile("config/segments/shop/just-bought.yaml", "utf8")).replace("1m", "5m");
    const changed = await rollcall("segments", "apply", await fileOf("just-bought.yaml", text));
    expect(changed.out).toContain("~ just-bought  changed");
    expect((await rollcall("segments", "show", "just-bought", "-o", "json")).out).toContain('"version": 2');
  });

  test("apply: what asks for another across account and users comes into force after it, and it is said so", async () => {
    const path = await fileOf(
      "across.yaml",
      [
        "id: of-busy\nrule: { account: { segment: { in: [busy] } } }\n",
        "id: busy\nkind: account\nrule: { users: { rule: { trait: { role: admin } }, atLeast: 2 } }\n",
      ].join("---\n"),
    );
    const steps = "in 2 steps, as some ask for others across account and users:\n  1. busy\n  2. of-busy\n";
    expect((await rollcall("segments", "apply", "--dry-run", path)).out).toContain(steps);
    const applied = await rollcall("segments", "apply", path);
    expect(applied).toMatchObject({ code: 0, out: expect.stringContaining(steps) });
    expect(applied.err).toMatch(
      /step 1 of 2\n.*in force in all 4 partitions\nstep 2 of 2\n.*in force in all 4 partitions/s,
    );
    expect((await rollcall("segments", "apply", path)).out).toBe("0 new, 0 changed, 2 unchanged\n");
    expect(await rollcall("segments", "rm", "busy")).toMatchObject({
      code: 2,
      err: expect.stringContaining("of-busy"),
    });
    expect(await rollcall("segments", "rm", "busy", "of-busy")).toMatchObject({ code: 0 });
  });

  test("ls as JSON, show as a person reads it, rm refused while in use", async () => {
    const rows = JSON.parse((await rollcall("segments", "ls", "-o", "json")).out);
    expect(rows).toHaveLength(21);
    expect(rows[0]).toEqual({
      id: "abandoned-cart",
      kind: "user",
      size: 0,
      state: "live",
      version: 1,
      name: "Abandoned cart",
    });
    expect((await rollcall("segments", "show", "cart-reminder")).out).toContain(
      "{ segment: { notIn: [ just-bought ] } }",
    );
    expect((await rollcall("segments", "show", "just-bought")).out).toMatch(
      /^People who ordered .*\.\nhistory: it counts /m,
    );
    expect(JSON.parse((await rollcall("segments", "show", "cart-under-100", "-o", "json")).out)).toMatchObject({
      sentence: "People who have a cart with value above 0 and below 100.",
      cost: { class: "light" },
    });
    const refused = await rollcall("segments", "rm", "abandoned-cart");
    expect(refused.code).toBe(2);
    expect(refused.err).toContain("cart-reminder");
    expect(await rollcall("segments", "rm", "trial-accounts")).toMatchObject({
      code: 0,
      out: expect.stringContaining("- trial-accounts"),
    });
  });

  test("schema: the published one, without a server", async () => {
    const { code, out } = await rollcall("segments", "schema", "--nats-url", "nats://127.0.0.1:1");
    expect(code).toBe(0);
    expect(JSON.parse(out)).toEqual(JSON.parse(await readFile("docs/schemas/segment.schema.json", "utf8")));
  });

  test("an unknown segment names the one that was probably meant, exit 2", async () => {
    const { code, err } = await rollcall("members", "big-spendres");
    expect(code).toBe(2);
    expect(err).toContain('There is no segment "big-spendres". Did you mean big-spenders?');
  });
});

describe("import", () => {
  test("maps columns by the example found by the file's name, reports the cut-off line, moves the clocks", async () => {
    const path = await fileOf("rees46-small.csv.gz", gzipSync(clickstream()));
    const rejects = await fileOf("rejects.ndjson", "");
    const { code, out, err } = await rollcall("import", path, "--rejects", rejects);
    expect(code).toBe(0);
    expect(out).toContain("400 rows stored, 1 refused");
    expect(out).toContain("rees46.map.yaml");
    expect(out).toContain("to 2019-10-01 00:06:39Z; every clock stands there now");
    expect(err).toContain("line 402: 5 columns where the header has 9; the line seems to be cut off");
    expect(JSON.parse(await readFile(rejects, "utf8"))).toMatchObject({ line: 402 });
    await until("everything is processed", async () =>
      (await rollcall("doctor", "--quick")).out.includes("0 messages wait"),
    );
  });

  test("the same file again is warned of; --resume leaves out all of it", async () => {
    const path = await fileOf("rees46-small.csv.gz", gzipSync(clickstream()));
    const resumed = await rollcall("import", path, "--resume");
    expect(resumed.out).toContain("0 rows stored, 1 refused, 400 already in");
    expect(resumed.err).not.toContain("warning");
    const other = await fileOf("rees46-other.csv", [HEADER, clickstream().split("\n")[1]].join("\n"));
    expect((await rollcall("import", other)).err).not.toContain("warning");
    expect((await rollcall("import", other)).err).toContain("has been imported into this data set before");
  });

  test("a file without a mapping is refused with the way out, and so is a broken mapping", async () => {
    const path = await fileOf("clicks.csv", "a,b\n1,2\n");
    const { code, err } = await rollcall("import", path);
    expect(code).toBe(2);
    expect(err).toContain("--map");
    const map = await fileOf("clicks.map.yaml", "user: a\nevnt: E\n");
    expect(await rollcall("import", path, "--map", map)).toMatchObject({
      code: 2,
      err: expect.stringContaining(`${map}:2:1: "evnt" is not known here`),
    });
  });
});

describe("people", () => {
  test("members, one of them, and why", async () => {
    const members = JSON.parse((await rollcall("members", "r46-apple-samsung", "--limit", "3", "-o", "json")).out);
    expect(members).toHaveLength(3);
    const { id } = members[0];
    expect((await rollcall("user", id)).out).toMatch(/segments +r46-|r46-apple-samsung/);
    const explained = await rollcall("explain", "r46-apple-samsung", id);
    expect(explained.out).toContain(`${id} is in r46-apple-samsung`);
    expect(explained.out).toMatch(/✓ .*Product Viewed/);
    expect(JSON.parse((await rollcall("explain", "r46-apple-samsung", id, "-o", "json")).out)).toMatchObject({
      in: true,
    });
  });

  test("somebody unknown is exit 2, in words", async () => {
    expect(await rollcall("user", "nobody")).toMatchObject({
      code: 2,
      err: expect.stringContaining('No message has named "nobody"'),
    });
  });
});

describe("lists", () => {
  test("set, add, remove, ls, rm; in use it stays", async () => {
    expect((await rollcall("lists", "set", "staff", "500", "501")).err).toContain("staff has 2 members now");
    expect((await rollcall("lists", "add", "staff", "--file", await fileOf("ids.txt", "502\n503\n\n"))).err).toContain(
      "4 members",
    );
    expect((await rollcall("lists", "remove", "staff", "500")).err).toContain("3 members");
    const path = await fileOf("staff.yaml", "id: staff-only\nrule: { list: { in: [staff] } }\n");
    await rollcall("segments", "apply", path);
    expect(
      JSON.parse((await rollcall("members", "staff-only", "-o", "json")).out).map(({ id }: { id: string }) => id),
    ).toEqual(["501", "502", "503"]);
    expect(JSON.parse((await rollcall("lists", "ls", "-o", "json")).out)).toEqual([
      { id: "staff", kind: "user", members: 3, usedBy: ["staff-only"] },
    ]);
    expect(await rollcall("lists", "rm", "staff")).toMatchObject({
      code: 2,
      err: expect.stringContaining("in use by staff-only"),
    });
    await rollcall("segments", "rm", "staff-only");
    expect(await rollcall("lists", "rm", "staff")).toMatchObject({ code: 0 });
  });

  test("of accounts: a list keeps its kind", async () => {
    expect((await rollcall("lists", "set", "churning", "acme", "--kind", "account")).err).toContain("1 account now");
    expect((await rollcall("lists", "add", "churning", "initech")).err).toContain("2 accounts now");
    expect(await rollcall("lists", "add", "churning", "u1", "--kind", "user")).toMatchObject({
      code: 2,
      err: expect.stringContaining("The list churning holds accounts, and keeps its kind"),
    });
    expect(JSON.parse((await rollcall("lists", "ls", "-o", "json")).out)).toEqual([
      { id: "churning", kind: "account", members: 2, usedBy: [] },
    ]);
    const path = await fileOf("risk.yaml", "id: at-risk\nrule: { list: { in: [churning] } }\n");
    expect(await rollcall("segments", "apply", path)).toMatchObject({
      code: 2,
      err: expect.stringContaining('the list "churning" holds accounts, and here a rule speaks of users'),
    });
    expect(await rollcall("lists", "rm", "churning")).toMatchObject({ code: 0 });
  });
});

describe("checking", () => {
  test("doctor: every line ok", async () => {
    const mistaken = await rollcall("doctor");
    expect(mistaken.out).toContain("made with 4 partitions, clock event; the configuration here says 32 partitions");
    vi.stubEnv("ROLLCALL_PARTITIONS", "4").stubEnv("ROLLCALL_CLOCK", "event");
    const { code, out } = await rollcall("doctor");
    expect(code).toBe(0);
    expect(out).toContain("ok    mapping");
    expect(out).toContain("ok    workers      all 4 partitions run, on 1 shard");
    expect(out).not.toMatch(/^(warn|fail)/m);
  });

  test("doctor: a stream that is gone is told in words, and what else was found, too", async () => {
    const gone = await startTestServer({ partitions: PARTITIONS });
    try {
      const other = await gone.connection();
      await provision(other, testDataSet({ partitions: PARTITIONS }), { create: true });
      await other.request("$JS.API.STREAM.DELETE.EVENTS_2", "", PATIENTLY);
      const { code, out } = await rollcall("--nats-url", gone.url, "doctor");
      expect(code).toBe(1);
      expect(out).toMatch(/^fail {2}streams .*EVENTS_2/m);
      expect(out).toMatch(/^fail {2}audit +not finished: STREAM\.INFO\.EVENTS_2: stream not found/m);
      expect(out).toMatch(/^ok {4}store/m);
    } finally {
      await gone.stop();
    }
  });

  test("replay recomputes the sizes that are live", async () => {
    const live = JSON.parse((await rollcall("segments", "ls", "-o", "json")).out) as { id: string; size: number }[];
    const replayed = JSON.parse((await rollcall("replay", "-o", "json")).out) as { segment: string; size: number }[];
    const sizes = new Map(replayed.map(({ segment, size }) => [segment, size]));
    expect(live.map(({ id }) => [id, sizes.get(id) ?? 0])).toEqual(live.map(({ id, size }) => [id, size]));
  });

  test("replay --verify: equal, until somebody says what the logs do not say", async () => {
    const equal = await rollcall("replay", "--verify");
    expect(equal.out).toMatch(/memberships equal \([1-9]\d*\), deltas equal \([1-9]\d*\)/);
    expect(equal.code).toBe(0);
    const nc = await rig.server.connection();
    const at = Date.UTC(2019, 9, 1);
    const lie = encodeDelta({
      segment: "r46-buyers",
      version: 1,
      kind: "user",
      id: "500",
      change: "joined",
      n: 77,
      at,
      cause: { type: "event", seq: 1 },
    });
    await nc.request("delta.r46-buyers.joined", lie, PATIENTLY);
    const different = await rollcall("replay", "--verify");
    expect(different.code).toBe(1);
    expect(different.out).toContain("1 wrong");
    expect(different.out).toContain("deltas DIFFERENT");
  });

  test("config masks secrets and says where a value comes from; nats-config prints the mapping", async () => {
    vi.stubEnv("NATS_PASSWORD", "hunter2");
    const { out } = await rollcall("config");
    expect(out).not.toContain("hunter2");
    expect(out).toMatch(/natsUrl +nats:\/\/127\.0\.0\.1:\d+ +--nats-url/);
    expect((await rollcall("nats-config")).out).toContain('"events.*": "log.{{partition(32,1)}}.event"');
  });
});

describe("without a server", () => {
  test("names the address and the remedy, exit 3; a data set that is not there, too", async () => {
    const unreachable = await rollcall("--nats-url", "nats://127.0.0.1:1", "segments", "ls");
    expect(unreachable.code).toBe(3);
    expect(unreachable.err).toContain("nats://127.0.0.1:1");
    expect(unreachable.err).toContain("npm start");
    const elsewhere = await rollcall("--name", "elsewhere", "segments", "ls");
    expect(elsewhere).toMatchObject({ code: 3, err: expect.stringContaining('no data set named "elsewhere"') });
    expect(await rollcall("no-such-command")).toMatchObject({ code: 2 });
    expect(await rollcall("--help")).toMatchObject({ code: 0, out: expect.stringContaining("Exit codes:") });
  });
});
