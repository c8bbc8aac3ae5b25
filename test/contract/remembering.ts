// The contract, third part: pages and manifests, the control log, rejects, heartbeats and questions, across restarts and at
// their limits. Suite.ts runs it last: the end of it spoils the control log for good.
import { describe, expect, test } from "vitest";
import type { ControlCopy, ControlEntry } from "../../lib/core/control.ts";
import type { ControlLog } from "../../lib/ports/control-log.ts";
import type { Question, Reply } from "../../lib/ports/questions.ts";
import { until } from "../support/until.ts";
import { bytes, type Here, insist, stored, text, upTo } from "./here.ts";
import { PAYLOAD_BYTES_MAX } from "./worlds.ts";

const entry = (id: string): ControlEntry => ({ op: "removeList", id });

interface Followed {
  readonly copies: ControlCopy[];
  readonly faults: string[];
  stop(): void;
}

function follow(control: ControlLog): Followed {
  const copies: ControlCopy[] = [];
  const faults: string[] = [];
  const following = control.follow(
    (copy) => copies.push(copy),
    (error) => faults.push(error.message),
  );
  return { copies, faults, stop: () => following.stop() };
}

const copyFrom =
  (base: number) =>
  (one: ControlEntry, index: number): ControlCopy => ({ revision: base + 1 + index, entry: one });

export function rememberingContract(here: Here): void {
  describe("remembering", () => {
    test("pages are kept under their keys; the manifest moves by compare-and-set", async () => {
      const { p, mine, theirs } = here.fresh();
      const key = (name: string): string => `${p}.1.${name}`;
      await mine.pages.put(key("1.0"), bytes("one"));
      await mine.pages.put(key("2.meta"), bytes("two"));
      const neighbour = Number(`${p}0`);
      await here.a.partition(neighbour).pages.put(`${neighbour}.1.1.0`, bytes("of a neighbour"));
      expect(text((await theirs.pages.get(key("1.0")))!)).toBe("one");
      expect(await theirs.pages.get(key("9.0"))).toBeUndefined();
      expect(await theirs.pages.readManifest()).toBeUndefined();
      await stored(mine.pages.putManifest(0, bytes("m1")));
      expect(await theirs.pages.putManifest(0, bytes("m2"))).toEqual({ kind: "fenced" });
      const read = await theirs.pages.readManifest();
      expect(text(read!.bytes)).toBe("m1");
      await stored(theirs.pages.putManifest(read!.revision, bytes("m2")));
      expect(await mine.pages.putManifest(read!.revision, bytes("m3"))).toEqual({ kind: "fenced" });
      expect([...(await mine.pages.list())].sort()).toEqual([key("1.0"), key("2.meta")]);
      await mine.pages.remove(key("1.0"));
      expect(await mine.pages.list()).toEqual([key("2.meta")]);
      expect(await mine.pages.get(key("1.0"))).toBeUndefined();
    });

    test("a page fills a value, any bytes, and no more than that", async () => {
      const { p, mine, theirs } = here.fresh();
      const { valueBytesMax } = mine.pages;
      const full = Uint8Array.from({ length: valueBytesMax }, (_, index) => index % 256);
      await mine.pages.put(`${p}.1.1.0`, full);
      expect(Buffer.compare((await theirs.pages.get(`${p}.1.1.0`))!, full)).toBe(0);
      await mine.pages.put(`${p}.1.2.0`, new Uint8Array());
      expect(await theirs.pages.get(`${p}.1.2.0`)).toHaveLength(0);
      const more = new Uint8Array(valueBytesMax + 1);
      await expect(mine.pages.put(`${p}.1.3.0`, more)).rejects.toThrow(`${p}.1.3.0 has ${more.length} bytes`);
      const huge = new Uint8Array(PAYLOAD_BYTES_MAX + 1);
      const refused = { kind: "retry", reason: expect.stringContaining("max_payload") };
      expect(await mine.pages.putManifest(0, huge)).toEqual(refused);
      expect(await theirs.pages.readManifest()).toBeUndefined();
    });

    test("what was kept is there after the server was killed, and compare-and-set still holds", async () => {
      const { p, mine, theirs } = here.fresh();
      await mine.pages.put(`${p}.1.1.0`, bytes("one"));
      const old = await stored(mine.pages.putManifest(0, bytes("m1")));
      const revision = await stored(mine.pages.putManifest(old, bytes("m2")));
      await here.world.kill();
      const meanwhile = theirs.pages.get(`${p}.1.1.0`).then(
        () => "answered",
        () => "silent",
      );
      await here.world.restart();
      expect(["answered", "silent"]).toContain(await meanwhile);
      const manifest = await insist("the manifest", () => theirs.pages.readManifest());
      expect(manifest?.revision).toBe(revision);
      expect(text(manifest!.bytes)).toBe("m2");
      expect(text((await insist("the page", () => theirs.pages.get(`${p}.1.1.0`)))!)).toBe("one");
      expect(await insist("the keys", () => theirs.pages.list())).toEqual([`${p}.1.1.0`]);
      expect(await theirs.pages.putManifest(old, bytes("m3"))).toEqual({ kind: "fenced" });
      expect(await theirs.pages.putManifest(0, bytes("m3"))).toEqual({ kind: "fenced" });
      const next = await stored(theirs.pages.putManifest(revision, bytes("m3")));
      await insist("the other client", () => mine.pages.list());
      expect(await mine.pages.putManifest(revision, bytes("m4"))).toEqual({ kind: "fenced" });
      expect(await mine.pages.readManifest()).toMatchObject({ revision: next });
    });
  });

  describe("rejects", () => {
    test("are stored with whatever bytes they have, up to a whole message", async () => {
      const { p, mine } = here.fresh();
      const reject = { stamp: 1, reason: "not-json" as const, detail: "line 1\r\nline 2\u0000 ü €" };
      const bodies = [bytes("\u0000\r\n"), new Uint8Array(), Uint8Array.from([0xff, 0xfe, 0xc0, 0x80])];
      const rejects = bodies.map((body, index) => ({ ...reject, seq: index + 1, body }));
      expect(await mine.rejects.tell(rejects)).toBe(true);
      const large = {
        ...reject,
        seq: 4,
        reason: "too-large" as const,
        body: new Uint8Array(PAYLOAD_BYTES_MAX).fill(7),
      };
      expect(await mine.rejects.tell([large])).toBe(true);
      const told = (await here.world.rejects())
        .filter(({ partition }) => partition === p)
        .toSorted((x, y) => x.seq - y.seq);
      expect(told.map(({ seq, reason }) => [seq, reason])).toEqual([
        [1, "not-json"],
        [2, "not-json"],
        [3, "not-json"],
        [4, "too-large"],
      ]);
      expect(told.slice(0, 3).map(({ body }) => [...body])).toEqual(bodies.map((body) => [...body]));
      expect(told[3]!.body.length).toBeGreaterThan(PAYLOAD_BYTES_MAX / 2);
    });

    test("that come a second time are stored once, also where they were erased meanwhile", async () => {
      const { p, mine } = here.fresh();
      const reject = { stamp: 1, seq: 1, reason: "not-json" as const, detail: "", body: bytes("ann") };
      const told = async () => (await here.world.rejects()).filter(({ partition }) => partition === p).length;
      for (let time = 0; time < 2; time += 1) expect(await mine.rejects.tell([reject])).toBe(true);
      expect(await told()).toBe(1);
      expect(await mine.eraser.rejects((seq, body) => seq === 1 && Buffer.from(body).toString() === "ann")).toBe(1);
      expect(await mine.rejects.tell([reject])).toBe(true);
      expect(await told()).toBe(0);
    });
  });

  describe("the cluster", () => {
    test("a heartbeat and a farewell are heard by everybody, one's own among them", async () => {
      const heard = { a: [] as string[], b: [] as string[] };
      const hearings = (["a", "b"] as const).flatMap((who) => [
        here[who].cluster.hear(({ shard, beat }) => heard[who].push(`${shard} ${beat}`)),
        here[who].cluster.hearLeaving((shard) => heard[who].push(`${shard} leaves`)),
      ]);
      let beat = 0;
      await until("a beat", async () => {
        beat += 1;
        await here.a.cluster.beat({ shard: "a-1", beat, host: "h", pid: 1, holds: [], wants: [] });
        return heard.a.length > 0 && heard.b.length > 0;
      });
      await here.a.cluster.leave("a-1");
      await until("a farewell", () => heard.a.at(-1) === "a-1 leaves" && heard.b.at(-1) === "a-1 leaves");
      expect(heard.b.filter((one) => one === "a-1 leaves")).toHaveLength(1);
      for (const hearing of hearings) hearing.stop();
      const before = heard.b.length;
      await here.a.cluster.beat({ shard: "a-1", beat: 99, host: "h", pid: 1, holds: [], wants: [] });
      await insist("what was sent before to have passed", () => here.b.control.lastRevision());
      expect(heard.b).toHaveLength(before);
    });

    test("wishes are kept, changed by compare-and-set, and their change is heard", async () => {
      const { a, b } = here;
      const before = await insist("the wishes", () => b.cluster.readWishes());
      let heard = 0;
      const hearing = b.cluster.hearWishes(() => {
        heard += 1;
      });
      const wishes = { moves: { 3: "b-1" }, drained: ["a-1"] };
      let revision = before.revision;
      await until("a change is heard", async () => {
        const stored = await a.cluster.writeWishes(wishes, revision);
        if (stored.kind === "stored") revision = stored.seq;
        return heard > 0;
      });
      hearing.stop();
      expect(await insist("the wishes", () => b.cluster.readWishes())).toEqual({ wishes, revision });
      expect(await b.cluster.writeWishes({ moves: {}, drained: [] }, revision - 1)).toEqual({ kind: "fenced" });
      expect(await insist("the wishes", () => a.cluster.readWishes())).toEqual({ wishes, revision });
    });

    test("a question is answered by the owner of its partition, and by nobody else", async () => {
      const one = here.fresh();
      const two = here.fresh();
      const asked: string[] = [];
      const answering =
        (who: string) =>
        (question: Question): Promise<Reply> => {
          asked.push(`${who} ${question.op}`);
          if (question.op === "sizes") return Promise.reject(new RangeError("no sizes here"));
          const members = Array.from({ length: 40_000 }, (_, n) => ({ id: `u${n}`, n, since: 1_767_225_600_000 }));
          const answer = question.op === "members" ? members : [];
          return Promise.resolve({ ok: true, position: asked.length, clock: 0, size: 0, members: answer });
        };
      expect(await here.world.ask(one.p, { op: "status" })).toBeUndefined();
      const desks = [one.mine.desk.answer(answering("one")), two.theirs.desk.answer(answering("two"))];
      const answer = (partition: number, op: "status" | "sizes") =>
        insist("a reply", async () => {
          const reply = await here.world.ask(partition, { op });
          if (reply === undefined) throw new Error("the desk is not open yet");
          return reply;
        });
      expect(await answer(one.p, "status")).toMatchObject({ ok: true, position: 1 });
      expect(await answer(two.p, "status")).toMatchObject({ ok: true, position: 2 });
      expect(asked).toEqual(["one status", "two status"]);
      expect(await answer(two.p, "sizes")).toEqual({ ok: false, error: "no sizes here" });
      const large = await here.world.ask(one.p, { op: "members", segment: "s" });
      expect(large).toEqual({ ok: false, error: expect.stringContaining("smaller limit") });
      for (const desk of desks) desk.stop();
      // A question that crosses the farewell on its way is never answered.
      const ask = () => here.world.ask(one.p, { op: "status" }).catch(() => null);
      await until("nobody to answer", async () => (await ask()) === undefined);
    });
  });

  describe("the control log", () => {
    test("takes an entry only on top of the one that was seen", async () => {
      const base = await here.a.control.lastRevision();
      expect(await here.a.control.append(entry("one"), base)).toEqual({ kind: "stored", seq: base + 1 });
      const followed = follow(here.b.control);
      expect(await here.b.control.append(entry("also one"), base)).toEqual({ kind: "fenced" });
      expect(await here.b.control.append(entry("early"), base + 2)).toEqual({ kind: "fenced" });
      expect(await here.b.control.append(entry("two"), base + 1)).toEqual({ kind: "stored", seq: base + 2 });
      const outcomes = await Promise.all(
        [here.a, here.b, here.a, here.b].map(({ control }, n) => control.append(entry(`three ${n}`), base + 2)),
      );
      // A replicated stream may ask one of those who came at once to try again, instead of refusing it.
      expect(outcomes.filter(({ kind }) => kind === "stored")).toHaveLength(1);
      expect(outcomes.filter(({ kind }) => kind === "unknown")).toEqual([]);
      const winner = outcomes.findIndex(({ kind }) => kind === "stored");
      await until("all entries", () => followed.copies.length === base + 3);
      expect(followed.copies.slice(base)).toEqual([
        { revision: base + 1, entry: entry("one") },
        { revision: base + 2, entry: entry("two") },
        { revision: base + 3, entry: entry(`three ${winner}`) },
      ]);
      followed.stop();
    });

    test("takes an entry as large as it says, and none that is larger than a message", async () => {
      const { control } = here.a;
      const base = await control.lastRevision();
      const spare = JSON.stringify(entry("")).length;
      const followed = follow(here.b.control);
      const full = entry("x".repeat(control.entryBytesMax! - spare));
      await stored(control.append(full, base));
      await until("the large entry", () => followed.copies.length === base + 1);
      expect(followed.copies.at(-1)!.entry).toEqual(full);
      const refused = { kind: "retry", reason: expect.stringContaining("max_payload") };
      expect(await control.append(entry("x".repeat(PAYLOAD_BYTES_MAX)), base + 1)).toEqual(refused);
      expect(await control.lastRevision()).toBe(base + 1);
      followed.stop();
    });

    test("is followed on by a client that was cut off", async () => {
      const { a, far, world } = here;
      const base = await a.control.lastRevision();
      const followed = follow(far.control);
      await until("what was there", () => followed.copies.length === base);
      world.cut("far");
      await stored(a.control.append(entry("one"), base));
      await stored(a.control.append(entry("two"), base + 1));
      expect(await a.control.lastRevision()).toBe(base + 2);
      expect(followed.copies).toHaveLength(base);
      world.heal("far");
      await until("what came meanwhile", () => followed.copies.length === base + 2);
      expect(followed.copies.map(({ revision }) => revision)).toEqual(upTo(base + 2));
      followed.stop();
    });

    test("is followed on after the server was killed, without a gap or a repeat", async () => {
      const { a, b, world } = here;
      const base = await a.control.lastRevision();
      await stored(a.control.append(entry("before"), base));
      const followed = follow(b.control);
      await until("what was there", () => followed.copies.length === base + 1);
      await world.kill();
      const meanwhile = a.control.append(entry("meanwhile"), base + 1);
      await world.restart();
      expect((await meanwhile).kind).toMatch(/unknown|retry/);
      // Whether it is stored is settled by the compare-and-set itself: one of the two is.
      const settled = await insist("a clear answer", async () => {
        const outcome = await a.control.append(entry("after"), base + 1);
        if (outcome.kind === "unknown" || outcome.kind === "retry") throw new Error(outcome.reason);
        return outcome.kind;
      });
      await until("one entry more", () => followed.copies.length === base + 2);
      const last = followed.copies.at(-1)!;
      expect(last.revision).toBe(base + 2);
      if (settled === "stored") expect(last.entry).toEqual(entry("after"));
      else expect([entry("meanwhile"), entry("after")]).toContainEqual(last.entry);
      expect(followed.copies.map(({ revision }) => revision)).toEqual(followed.copies.map((_, index) => index + 1));
      expect(followed.faults).toEqual([]);
      followed.stop();
    });

    test("that was erased from tells what stands in for an entry, and only the newest of it is left", async () => {
      const { a, b } = here;
      const base = await a.control.lastRevision();
      const list = (members: string[]): ControlEntry => ({ op: "list", id: "vips", mode: "add", members });
      const entries = [list(["ann", "bob"]), list(["ann"]), entry("x")];
      for (const [index, one] of entries.entries()) await stored(a.control.append(one, base + index));
      const before = follow(a.control);
      await until("all entries", () => before.copies.length === base + 3);
      before.stop();
      const { controlEraser: eraser } = a;
      const held = await eraser.read(base + 1);
      expect(held).toMatchObject({ entry: entries[0], at: 0 });
      await stored(eraser.replace(base + 1, { ...held, entry: list(["bob"]) }));
      // Until the entry itself is gone, it is what is told.
      const first = await b.controlEraser.read(base + 1);
      expect(first).toMatchObject({ entry: list(["bob"]), stamp: held.stamp });
      expect(await b.controlEraser.replace(base + 1, held)).toEqual({ kind: "fenced" });
      await eraser.erase(base + 1);
      await eraser.erase(base + 1);
      await stored(b.controlEraser.replace(base + 1, { ...first, entry: list([]) }));
      await stored(eraser.replace(base + 2, { ...(await eraser.read(base + 2)), entry: list([]) }));
      await eraser.erase(base + 2);
      await eraser.eraseReplaced();
      await eraser.eraseReplaced();
      expect((await eraser.read(base + 1)).entry).toEqual(list([]));
      expect(await eraser.replace(base + 1, first)).toEqual({ kind: "fenced" });
      const after = follow(b.control);
      await until("all entries once more", () => after.copies.length === base + 3);
      expect(after.copies.slice(base)).toEqual([list([]), list([]), entry("x")].map(copyFrom(base)));
      expect(after.copies.slice(0, base)).toEqual(before.copies.slice(0, base));
      expect(after.faults).toEqual([]);
      after.stop();
      expect((await b.controlEraser.done()).has(base + 3)).toBe(false);
      await stored(eraser.markDone(base + 3));
      expect(await b.controlEraser.markDone(base + 3)).toEqual({ kind: "fenced" });
      expect((await b.controlEraser.done()).has(base + 3)).toBe(true);
    });

    test("that misses an entry, or was replaced by a shorter one, is a fault to who follows it", async () => {
      const { a, b, world } = here;
      const base = await a.control.lastRevision();
      for (const [index, id] of ["x", "y", "z"].entries()) await stored(a.control.append(entry(id), base + index));
      const followed = follow(a.control);
      await until("all entries", () => followed.copies.length === base + 3);
      await world.dropDefinition(base + 2);
      const holed = follow(b.control);
      await until("a fault", () => holed.faults.length === 1);
      expect(holed.faults[0]).toContain(`entry ${base + 2} is missing`);
      expect(holed.copies.at(-1)?.revision).toBe(base + 1);
      expect(followed.faults).toEqual([]);
      await world.replaceDefinitions();
      await until("a fault of who was through", () => followed.faults.length === 1);
      expect(followed.faults[0]).toContain(`entry ${base + 3} was already read`);
      expect(await a.control.lastRevision()).toBe(0);
    });
  });
}
