// Accounts: what their users do counts for them, and what holds for one side is known on the other once a link message
// has said so (rules.md 4.12). Every expectation is worked out by hand.
import { describe, expect, test } from "vitest";
import { LINK_ITEMS_MAX } from "../../lib/core/links.ts";
import { instant } from "./story.ts";
import { WORLDS } from "./tellers.ts";

const ACCOUNT = { kind: "account" };

describe.each(WORLDS)("the %s says", (_, World) => {
  describe("what an account does", () => {
    test("is what its users do while they are its users, in both partitions", () => {
      const world = new World();
      const [ann, bob, acme] = [world.idIn(0, "ann"), world.idIn(1, "bob"), world.idIn(1, "acme")];
      world.define("00:00", "busy: {event: {name: A, count: {gte: 3}}}", ACCOUNT);
      world.track("00:01", ann, "A");
      world.group("00:02", ann, acme);
      world.group("00:02", bob, acme);
      world.track("00:03", ann, "A");
      world.track("00:03", bob, "A");
      expect(world.deliverAll("00:04")).toEqual([]);
      world.track("00:05", bob, "A");
      expect(world.deliverAll("00:06")).toEqual([`+busy ${acme} 00:06`]);
    });

    test("stays with the account when the user has gone", () => {
      const world = new World();
      const [ann, acme, other] = [world.idIn(0, "ann"), world.idIn(1, "acme"), world.idIn(0, "other")];
      world.define("00:00", "busy: {event: {name: A, count: {gte: 2}}}", ACCOUNT);
      world.group("00:01", ann, acme);
      world.track("00:02", ann, "A");
      world.group("00:03", ann, other);
      world.track("00:04", ann, "A");
      world.group("00:05", ann, acme);
      world.track("00:06", ann, "A");
      expect(world.deliverAll("00:07")).toEqual([`+busy ${acme} 00:07`]);
    });

    test("is nothing of what a user without an account does", () => {
      const world = new World();
      const [ann, acme] = [world.idIn(0, "ann"), world.idIn(1, "acme")];
      world.define("00:00", "busy: {event: {name: A}}", ACCOUNT);
      world.group("00:01", ann, acme);
      world.group("00:02", ann, null);
      world.track("00:03", ann, "A");
      expect(world.deliverAll("00:04")).toEqual([]);
      expect(world.onTheWay(0, 1)).toEqual([]);
    });

    test("counts at its own time, and turns old in silence", () => {
      const world = new World();
      const [ann, acme] = [world.idIn(0, "ann"), world.idIn(1, "acme")];
      world.define("00:00", "lately: {event: {name: A, window: {last: 10m}}}", ACCOUNT);
      world.group("00:01", ann, acme);
      world.track("00:02", ann, "A");
      expect(world.deliverAll("00:05")).toEqual([`+lately ${acme} 00:05`]);
      expect(world.tick("01:00")).toEqual([`-lately ${acme} 00:12:01`]);
    });

    test("is there at its own time when history is folded for a rule that comes later", () => {
      const world = new World();
      const [ann, acme] = [world.idIn(0, "ann"), world.idIn(1, "acme")];
      world.group("00:00", ann, acme);
      world.deliverAll("00:00");
      world.track("00:10", ann, "A");
      world.deliverAll("00:10");
      const lately = "lately: {event: {name: A, latest: {last: 1m}}}";
      expect(world.define("00:10:30", lately, ACCOUNT)).toEqual([`+lately ${acme} 00:10:30`]);
    });

    test("is late where it is older than the newest of the account, whoever did that", () => {
      const world = new World();
      const [ann, bob, acme] = [world.idIn(0, "ann"), world.idIn(1, "bob"), world.idIn(1, "acme")];
      world.define("00:00", "busy: {event: {name: A, count: {gte: 2}}}", ACCOUNT);
      world.group("00:01", ann, acme);
      world.group("00:01", bob, acme);
      world.track("00:02", ann, "A", {}, { messageId: "m1" });
      world.track("00:03", bob, "A", {}, { messageId: "m2" });
      world.deliver("00:04", 1, 1);
      world.deliver("00:04", 1, 1);
      world.deliver("00:05", 0, 1);
      const [joined] = world.deliver("00:05", 0, 1);
      expect(joined).toMatchObject({ kind: "account", id: acme, change: "joined", n: 1, at: instant("00:05") });
      expect(joined!.cause).toMatchObject({ type: "event", messageId: "m1", late: true });
    });

    test("is told by userId: three different people did it", () => {
      const world = new World();
      const [ann, bob, cid, acme] = [
        world.idIn(0, "ann"),
        world.idIn(1, "bob"),
        world.idIn(0, "cid"),
        world.idIn(1, "acme"),
      ];
      world.define("00:00", "wide: {event: {name: A, distinct: {of: userId, is: {gte: 3}}}}", ACCOUNT);
      for (const user of [ann, bob, cid]) world.group("00:01", user, acme);
      for (const user of [ann, bob, ann, bob]) world.track("00:02", user, "A");
      expect(world.deliverAll("00:03")).toEqual([]);
      world.track("00:04", cid, "A");
      expect(world.deliverAll("00:05")).toEqual([`+wide ${acme} 00:05`]);
    });
  });

  describe("what an account is", () => {
    test("traits come with group calls and with messages of its own", () => {
      const world = new World();
      const [ann, acme] = [world.idIn(0, "ann"), world.idIn(1, "acme")];
      world.define("00:00", "paying: {trait: {plan: pro}}", ACCOUNT);
      expect(world.account("00:01", { type: "group", groupId: acme, traits: { plan: "pro" } })).toEqual([
        `+paying ${acme} 00:01`,
      ]);
      world.group("00:02", ann, acme, { plan: "free" });
      expect(world.deliverAll("00:03")).toEqual([`-paying ${acme} 00:03`]);
      world.group("00:04", ann, acme, { seats: 5 });
      expect(world.deliverAll("00:05")).toEqual([]);
    });

    test("its own events count like its users'", () => {
      const world = new World();
      const [ann, acme] = [world.idIn(0, "ann"), world.idIn(1, "acme")];
      world.define(
        "00:00",
        "{busy: {event: {name: A, count: {gte: 2}}}, one: {event: {name: A, distinct: {of: userId, is: {eq: 1}}}}}",
        ACCOUNT,
      );
      expect(world.account("00:01", { type: "track", groupId: acme, event: "A" })).toEqual([]);
      world.group("00:02", ann, acme);
      world.track("00:03", ann, "A");
      expect(world.deliverAll("00:04")).toEqual([`+busy ${acme} 00:04`, `+one ${acme} 00:04`]);
    });

    test("everybody's complement is every account, and no user", () => {
      const world = new World();
      const [ann, acme] = [world.idIn(0, "ann"), world.idIn(1, "acme")];
      world.define("00:00", "quiet: {not: {event: {name: A}}}", ACCOUNT);
      expect(world.group("00:01", ann, acme)).toEqual([]);
      expect(world.deliverAll("00:02")).toEqual([`+quiet ${acme} 00:02`]);
    });

    test("a refused message about it makes nobody known", () => {
      const world = new World({ limits: { traitsMax: 2 } });
      const acme = world.idIn(1, "acme");
      world.define("00:00", "quiet: {not: {event: {name: A}}}", ACCOUNT);
      const traits = { a: 1, b: 2, c: 3 };
      expect(world.account("00:01", { type: "group", groupId: acme, traits })).toEqual([]);
      expect(world.account("00:02", { type: "group", groupId: acme })).toEqual([`+quiet ${acme} 00:02`]);
    });

    test("who joins it is its user, though it cannot take the traits that he brings", () => {
      const world = new World({ limits: { traitsMax: 2 } });
      const [ann, acme] = [world.idIn(0, "ann"), world.idIn(1, "acme")];
      world.define(
        "00:00",
        "{some: {users: {rule: {bucket: {from: 0, to: 100, salt: x}}, atLeast: 1}}, a: {trait: {a: 1}}}",
        ACCOUNT,
      );
      world.group("00:01", ann, acme, { a: 1, b: 2, c: 3 });
      expect(world.deliverAll("00:02")).toEqual([`+some ${acme} 00:02`]);
    });

    test("what it does itself makes no visit", () => {
      const world = new World();
      const [ann, acme] = [world.idIn(0, "ann"), world.idIn(1, "acme")];
      world.define("00:00", "{visited: {visit: {}}, seen: {place: {country: DE}}}", ACCOUNT);
      const context = { place: { country: "DE" } };
      expect(world.account("00:01", { type: "track", groupId: acme, event: "A" }, { context })).toEqual([]);
      world.group("00:02", ann, acme, {}, { context });
      world.track("00:03", ann, "A", {}, { context });
      expect(world.deliverAll("00:04")).toEqual([`+seen ${acme} 00:04`, `+visited ${acme} 00:04`]);
    });

    test("lists of accounts", () => {
      const world = new World();
      const acme = world.idIn(1, "acme");
      world.control("00:00", { op: "list", id: "key", kind: "account", mode: "add", members: [] });
      world.define("00:01", "key-accounts: {list: {in: [key]}}", ACCOUNT);
      world.define("00:01", "people: {list: {in: [key]}}", { kind: "user" });
      const entry = { op: "list", id: "key", kind: "account", mode: "add", members: [acme] };
      expect(world.control("00:02", entry)).toEqual([`+key-accounts ${acme} 00:02`]);
      expect(world.control("00:03", { ...entry, mode: "replace", members: [] })).toEqual([
        `-key-accounts ${acme} 00:03`,
      ]);
    });

    test("its deltas come before those of users of the same step", () => {
      const world = new World({ partitions: 1 });
      world.define("00:00", "old: {event: {name: A, window: {ago: {gte: 10m}}}}", { kind: "user" });
      world.define("00:00", "past: {event: {name: A, window: {ago: {gte: 10m}}}}", ACCOUNT);
      world.group("00:01", "ann", "zoo");
      world.track("00:02", "ann", "A");
      world.deliverAll("00:03");
      expect(world.tick("01:00")).toEqual(["+past zoo 00:12:01", "+old ann 00:12:01"]);
    });
  });

  describe("account: of a user", () => {
    test("fails until the answer is there, and then as the account turns", () => {
      const world = new World();
      const [ann, acme] = [world.idIn(0, "ann"), world.idIn(1, "acme")];
      world.define("00:00", "vip: {account: {trait: {plan: pro}}}", { kind: "user" });
      world.account("00:01", { type: "group", groupId: acme, traits: { plan: "pro" } });
      expect(world.group("00:02", ann, acme)).toEqual([]);
      expect(world.deliver("00:03", 0, 1)).toEqual([]);
      expect(world.onTheWay(1, 0)).toMatchObject([{ op: "answer", account: acme, user: ann }]);
      expect(world.deliverAll("00:04")).toEqual([`+vip ${ann} 00:04`]);
      world.account("00:05", { type: "group", groupId: acme, traits: { plan: "free" } });
      expect(world.deliverAll("00:06")).toEqual([`-vip ${ann} 00:06`]);
    });

    test("of one who has none fails, so its complement holds", () => {
      const world = new World();
      const [ann, bob, acme] = [world.idIn(0, "ann"), world.idIn(0, "bob"), world.idIn(1, "acme")];
      world.define(
        "00:00",
        "{not-it: {account: {not: {trait: {plan: pro}}}}, rest: {not: {account: {not: {trait: {plan: pro}}}}}}",
      );
      expect(world.track("00:01", ann, "A")).toEqual([`+rest ${ann} 00:01`]);
      expect(world.group("00:02", bob, acme)).toEqual([`+rest ${bob} 00:02`]);
      expect(world.deliverAll("00:03")).toEqual([`+not-it ${bob} 00:03`, `-rest ${bob} 00:03`]);
      expect(world.group("00:04", bob, null)).toEqual([`-not-it ${bob} 00:04`, `+rest ${bob} 00:04`]);
    });

    test("an answer to one who has gone on is ignored, and so is the flip", () => {
      const world = new World();
      const [ann, bob, acme, other] = [
        world.idIn(0, "ann"),
        world.idIn(0, "bob"),
        world.idIn(1, "acme"),
        world.idIn(1, "other"),
      ];
      world.define("00:00", "vip: {account: {trait: {plan: pro}}}", { kind: "user" });
      world.account("00:01", { type: "group", groupId: acme, traits: { plan: "pro" } });
      world.group("00:02", bob, acme);
      world.group("00:02", ann, acme);
      expect(world.deliverAll("00:03")).toEqual([`+vip ${bob} 00:03`, `+vip ${ann} 00:03`]);
      // Acme still thinks that ann is its user when it turns.
      world.account("00:04", { type: "group", groupId: acme, traits: { plan: "free" } });
      expect(world.group("00:05", ann, other)).toEqual([`-vip ${ann} 00:05`]);
      expect(world.deliverAll("00:06")).toEqual([`-vip ${bob} 00:06`]);
    });

    test("who leaves and comes back waits for the answer to his coming back", () => {
      const world = new World();
      const [ann, acme] = [world.idIn(0, "ann"), world.idIn(1, "acme")];
      world.define("00:00", "vip: {account: {trait: {plan: pro}}}", { kind: "user" });
      world.account("00:01", { type: "group", groupId: acme, traits: { plan: "pro" } });
      world.group("00:02", ann, acme);
      world.deliver("00:02", 0, 1);
      world.group("00:03", ann, null);
      world.group("00:04", ann, acme);
      // The answer to the first join.
      expect(world.deliver("00:05", 1, 0)).toEqual([]);
      world.deliver("00:06", 0, 1);
      world.deliver("00:06", 0, 1);
      expect(world.deliverAll("00:07")).toEqual([`+vip ${ann} 00:07`]);
    });

    test("a group call of the account that he is in changes nothing for him", () => {
      const world = new World();
      const [ann, acme] = [world.idIn(0, "ann"), world.idIn(1, "acme")];
      world.define("00:00", "vip: {account: {trait: {plan: pro}}}", { kind: "user" });
      world.group("00:01", ann, acme, { plan: "pro" });
      expect(world.deliverAll("00:02")).toEqual([`+vip ${ann} 00:02`]);
      expect(world.group("00:03", ann, acme, { seats: 3 })).toEqual([]);
      expect(world.deliverAll("00:04")).toEqual([]);
    });

    test("reads the account's own segments", () => {
      const world = new World();
      const [ann, acme] = [world.idIn(0, "ann"), world.idIn(1, "acme")];
      world.define("00:00", "busy: {event: {name: A, count: {gte: 2}}}", ACCOUNT);
      world.define("00:00", "of-busy: {account: {segment: {in: [busy]}}}", { kind: "user" });
      world.group("00:01", ann, acme);
      world.track("00:02", ann, "A");
      world.track("00:02", ann, "A");
      expect(world.deliverAll("00:03")).toEqual([`+busy ${acme} 00:03`, `+of-busy ${ann} 00:03`]);
    });

    test("turns with time at the account, and is heard when the link says so", () => {
      const world = new World();
      const [ann, acme] = [world.idIn(0, "ann"), world.idIn(1, "acme")];
      world.define("00:00", "warm: {account: {event: {name: A, window: {last: 10m}}}}", { kind: "user" });
      world.group("00:01", ann, acme);
      world.track("00:02", ann, "A");
      expect(world.deliverAll("00:03")).toEqual([`+warm ${ann} 00:03`]);
      expect(world.tick("00:20")).toEqual([]);
      expect(world.deliverAll("00:21")).toEqual([`-warm ${ann} 00:21`]);
    });
  });

  describe("users of an account", () => {
    test("at least so many of them, as the rule turns for each", () => {
      const world = new World();
      const [ann, bob, acme] = [world.idIn(0, "ann"), world.idIn(1, "bob"), world.idIn(1, "acme")];
      world.define("00:00", "two: {users: {rule: {event: {name: A, window: {last: 10m}}}, atLeast: 2}}", ACCOUNT);
      world.group("00:01", ann, acme);
      world.track("00:02", ann, "A");
      // What he did before he came counts: it is a rule about users.
      world.track("00:03", bob, "A");
      world.group("00:04", bob, acme);
      expect(world.deliverAll("00:05")).toEqual([`+two ${acme} 00:05`]);
      expect(world.tick("00:12:30")).toEqual([]);
      expect(world.deliverAll("00:12:40")).toEqual([`-two ${acme} 00:12:40`]);
    });

    test("who leaves is counted no more", () => {
      const world = new World();
      const [ann, bob, acme, other] = [
        world.idIn(0, "ann"),
        world.idIn(1, "bob"),
        world.idIn(1, "acme"),
        world.idIn(0, "other"),
      ];
      world.define("00:00", "two: {users: {rule: {trait: {role: boss}}, count: {eq: 2}}}", ACCOUNT);
      for (const user of [ann, bob]) {
        world.group("00:01", user, acme);
        world.event("00:02", { type: "identify", userId: user, traits: { role: "boss" } });
      }
      expect(world.deliverAll("00:03")).toEqual([`+two ${acme} 00:03`]);
      world.group("00:04", bob, other);
      expect(world.deliverAll("00:05")).toEqual([`-two ${acme} 00:05`]);
      world.event("00:06", { type: "identify", userId: bob, traits: { role: null } });
      world.group("00:07", bob, acme);
      expect(world.deliverAll("00:08")).toEqual([]);
    });

    test("share counts all of them, with or without events; of nobody it is missing", () => {
      const world = new World();
      const [ann, bob, cid, acme] = [
        world.idIn(0, "ann"),
        world.idIn(1, "bob"),
        world.idIn(0, "cid"),
        world.idIn(1, "acme"),
      ];
      world.define(
        "00:00",
        "{third: {users: {rule: {event: {name: A}}, share: {gte: 33.3333}}}, most: {users: {rule: {event: {name: A}}, share: {gte: 33.3334}}}, none: {users: {rule: {event: {name: A}}, share: {eq: 0}}}}",
        ACCOUNT,
      );
      expect(world.account("00:01", { type: "group", groupId: acme })).toEqual([]);
      for (const user of [ann, bob, cid]) world.group("00:02", user, acme);
      expect(world.deliverAll("00:03")).toEqual([`+none ${acme} 00:03`]);
      world.track("00:04", cid, "A");
      expect(world.deliverAll("00:05")).toEqual([`-none ${acme} 00:05`, `+third ${acme} 00:05`]);
      world.group("00:06", bob, null);
      expect(world.deliverAll("00:07")).toEqual([`+most ${acme} 00:07`]);
      world.group("00:08", ann, null);
      world.group("00:08", cid, null);
      expect(world.deliverAll("00:09")).toEqual([`-most ${acme} 00:09`, `-third ${acme} 00:09`]);
    });

    test("a rule that holds for those who have done nothing holds for who has just come", () => {
      const world = new World();
      const [ann, acme] = [world.idIn(0, "ann"), world.idIn(1, "acme")];
      world.define("00:00", "idle: {users: {rule: {not: {event: {name: A}}}, atLeast: 1}}", ACCOUNT);
      world.group("00:01", ann, acme);
      expect(world.deliverAll("00:02")).toEqual([`+idle ${acme} 00:02`]);
      world.track("00:03", ann, "A");
      expect(world.deliverAll("00:04")).toEqual([`-idle ${acme} 00:04`]);
    });

    test("what turns there and back within one step is not told", () => {
      const world = new World();
      const [ann, acme] = [world.idIn(0, "ann"), world.idIn(1, "acme")];
      world.define("00:00", "warm: {users: {rule: {event: {name: A, window: {last: 10m}}}, atLeast: 1}}", ACCOUNT);
      world.group("00:01", ann, acme);
      world.track("00:02", ann, "A");
      world.deliverAll("00:03");
      world.track("01:00", ann, "A");
      expect(world.onTheWay(0, 1)).toMatchObject([{ op: "event" }]);
      expect(world.deliverAll("01:01")).toEqual([]);
    });
  });

  describe("flags inside flags", () => {
    test("a user of an account of whose users two did it", () => {
      const world = new World();
      const [ann, bob, cid, acme] = [
        world.idIn(0, "ann"),
        world.idIn(1, "bob"),
        world.idIn(0, "cid"),
        world.idIn(1, "acme"),
      ];
      for (const user of [ann, bob, cid]) world.group("00:00", user, acme);
      world.track("00:01", ann, "A");
      world.track("00:01", bob, "A");
      world.deliverAll("00:02");
      // All that it reads is known everywhere by the time it is in force, so nobody joins later than that.
      expect(
        world
          .define("00:03", "peers: {account: {users: {rule: {event: {name: A}}, atLeast: 2}}}", { kind: "user" })
          .sort(),
      ).toEqual([`+peers ${ann} 00:03`, `+peers ${bob} 00:03`, `+peers ${cid} 00:03`].sort());
      expect(world.deliverAll("00:04")).toEqual([]);
      world.group("00:05", bob, null);
      expect(world.deliverAll("00:06").sort()).toEqual([`-peers ${ann} 00:06`, `-peers ${cid} 00:06`].sort());
    });

    test("are told all round as often as they stand in each other", () => {
      const world = new World();
      const peers = { account: { users: { rule: { trait: { role: "boss" } }, atLeast: 1 } } };
      world.control("00:00", { op: "apply", define: [{ id: "peers", rule: peers }], remove: [] });
      const lit = (round: number) => [{ op: "lit", revision: 1, round }];
      const ways = [0, 1].flatMap((from) => [0, 1].map((to) => [from, to] as const));
      for (const [from, to] of ways) expect(world.onTheWay(from, to)).toEqual(lit(0));
      for (const [from, to] of ways) world.deliver("00:01", from, to);
      for (const [from, to] of ways) expect(world.onTheWay(from, to)).toEqual(lit(1));
      for (const [from, to] of ways) world.deliver("00:02", from, to);
      for (const [from, to] of ways) expect(world.onTheWay(from, to)).toEqual([]);
    });

    test("one that is asked for again after nobody did is another flag", () => {
      const world = new World();
      const [ann, acme] = [world.idIn(0, "ann"), world.idIn(1, "acme")];
      world.group("00:00", ann, acme, { plan: "pro" });
      world.deliverAll("00:00");
      const vip = { id: "vip", rule: { account: { trait: { plan: "pro" } } } };
      for (const minute of [1, 3]) {
        const time = `00:0${minute}`;
        world.control(time, { op: "apply", define: [vip], remove: [] });
        const revision = minute === 1 ? 1 : 4;
        const flag = { op: "flip", account: acme, flag: `${revision}.0`, on: true };
        expect(world.onTheWay(1, 0)).toEqual([flag, { op: "lit", revision, round: 0 }]);
        world.deliverAll(time);
        expect(world.control(time, { op: "activate", revision })).toEqual([`+vip ${ann} ${time}`]);
        expect(world.control(time, { op: "apply", define: [], remove: ["vip"] })).toEqual([`-vip ${ann} ${time}`]);
      }
    });

    test("an account of whose users one is of a paying account, which is itself", () => {
      const world = new World();
      const [ann, acme] = [world.idIn(0, "ann"), world.idIn(1, "acme")];
      world.group("00:00", ann, acme, { plan: "pro" });
      world.deliverAll("00:01");
      expect(
        world.define("00:02", "loop: {users: {rule: {account: {trait: {plan: pro}}}, atLeast: 1}}", ACCOUNT),
      ).toEqual([`+loop ${acme} 00:02`]);
      world.account("00:03", { type: "group", groupId: acme, traits: { plan: null } });
      expect(world.deliverAll("00:04")).toEqual([`-loop ${acme} 00:04`]);
    });
  });

  test("a step with more to say than a message holds says it in several", () => {
    const world = new World({ partitions: 1 });
    const accounts = Array.from({ length: LINK_ITEMS_MAX }, (_, index) => `acme${index}`);
    for (const account of accounts) world.group("00:00", `user of ${account}`, account);
    world.deliverAll("00:01");
    const rule = { users: { rule: { not: { trait: { gone: true } } }, share: { eq: 100 } } };
    world.control("00:02", { op: "apply", define: [{ id: "all", kind: "account", rule }], remove: [] });
    const told = world.onTheWay(0, 0);
    expect(told).toHaveLength(LINK_ITEMS_MAX + 1);
    expect(told.slice(0, 3)).toEqual(
      ["acme0", "acme1", "acme10"].map((account) => ({ op: "count", account, flag: "1.0", by: 1 })),
    );
    world.deliver("00:03", 0, 0);
    expect(world.onTheWay(0, 0)).toEqual([{ op: "lit", revision: 1, round: 0 }]);
    world.deliverAll("00:03");
    expect(world.control("00:04", { op: "activate", revision: 1 })).toHaveLength(LINK_ITEMS_MAX);
  });

  test.each([1, 3])(
    "a message of another partition that comes twice, or follows a missing one, stops it: %i after 1",
    (n) => {
      const world = new World();
      world.group("00:00", world.idIn(0, "ann"), world.idIn(1, "acme"));
      world.deliver("00:01", 0, 1);
      const link = { from: 0, n, items: [{ op: "lit", revision: 1, round: 0 }] };
      expect(() => world.deltas(1, "00:02", "link", link)).toThrow(/partition 0/);
    },
  );

  test("what users did ahead of the account's clock has happened, and turns old at its own time", () => {
    const world = new World({ clockMode: "event" });
    const [ann, acme] = [world.idIn(0, "ann"), world.idIn(1, "acme")];
    const segments = [
      "{event: {name: A, window: {last: 1d}}}",
      "{event: {name: A, days: 1, window: {last: 1d}}}",
      "{event: {name: A, latest: {last: 1d}}}",
      "{visit: {first: {last: 1d}}}",
      "{trait: {n: {delta: {over: 1h, amount: {gt: 0}}}}}",
    ];
    world.define("00:00", segments.map((rule, index) => `s${index}: ${rule}`).join("\n"), ACCOUNT);
    world.account("00:00", { type: "group", groupId: acme, traits: { n: 1 } }, { at: "00:01" });
    world.group("00:00", ann, acme, { n: 5 }, { at: "09:00" });
    world.track("00:00", ann, "A", {}, { at: "+2 09:00" });
    expect(world.deliverAll("00:00")).toEqual([0, 1, 2, 3].map((index) => `+s${index} ${acme} 00:01`));
    const at = (time: string) => world.account("00:00", { type: "group", groupId: acme }, { at: time });
    expect(at("+3 08:59")).toEqual([`+s4 ${acme} 01:01`, `-s4 ${acme} 10:00`]);
    expect(at("+3 10:00")).toEqual([0, 1, 2, 3].map((index) => `-s${index} ${acme} +3 09:01`));
  });

  test("event time moves the clock, and link messages do not", () => {
    const world = new World({ clockMode: "event" });
    const [ann, acme] = [world.idIn(0, "ann"), world.idIn(1, "acme")];
    world.define("00:00", "lately: {event: {name: A, window: {last: 10m}}}", ACCOUNT);
    world.account("00:00", { type: "group", groupId: acme }, { at: "00:01" });
    world.group("00:00", ann, acme, {}, { at: "00:30" });
    world.track("00:00", ann, "A", {}, { at: "00:30" });
    expect(world.deliverAll("09:00")).toEqual([`+lately ${acme} 00:01`]);
    expect(world.account("09:00", { type: "group", groupId: acme }, { at: "00:41" })).toEqual([
      `-lately ${acme} 00:40:01`,
    ]);
  });
});
