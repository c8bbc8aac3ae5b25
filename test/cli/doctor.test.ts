// What doctor makes of what it finds, where a whole server would be much to set up. The rest: commands.test.ts.
import { describe, expect, test } from "vitest";
import { rejectsFinding } from "../../lib/doctor/rejects.ts";
import { isLocal } from "../../lib/doctor/surroundings.ts";
import { outputFindings } from "../../lib/doctor/workers.ts";

const NOW = Date.UTC(2026, 4, 20, 12);
const at = (hoursAgo: number): string => new Date(NOW - hoursAgo * 3_600_000).toISOString();

describe("rejects", () => {
  const found = (lastHoursAgo: number) =>
    rejectsFinding(
      {
        subjects: { "rejected.0.not-json": 3, "rejected.1.no-id": 5 },
        first_ts: at(240),
        last_ts: at(lastHoursAgo),
      },
      "REJECTS",
      NOW,
    );

  test("a recent one is a warning, with how many, since when, and how long ago", () => {
    expect(found(2)).toMatchObject({
      verdict: "warn",
      text: "8 messages refused since 2026-05-10, the last 2h ago: no-id 5, not-json 3",
    });
  });

  test("old ones are told, and no warning", () => {
    expect(found(49)).toMatchObject({ verdict: "ok", text: expect.stringContaining("the last 2d 1h ago") });
  });

  test("none", () => {
    expect(rejectsFinding({ first_ts: at(0), last_ts: at(0) }, "REJECTS", NOW)).toMatchObject({ verdict: "ok" });
  });
});

test.each([
  ["nats://127.0.0.1:4222", true],
  ["localhost", true],
  ["nats://ann:p%40ss@127.0.0.1:4222", true],
  ["tls://[::1]:4222", true],
  ["nats://nats:4222", false],
  ["nats://127.0.0.1:4222,nats://b.example.com:4222", false],
  ["nats://127.0.0.1.example.com", false],
])("%s is on this machine: %s", (url, local) => {
  expect(isLocal(url)).toBe(local);
});

describe("output", () => {
  test("partitions that cannot store their deltas fail it, with the reason and what to do", () => {
    const problem = "no space left on device (10077)";
    const [finding, ...more] = outputFindings([
      { partition: 0, problem: null },
      { partition: 1, problem },
      { partition: 2, problem },
    ]);
    expect(more).toEqual([]);
    expect(finding).toMatchObject({
      verdict: "fail",
      text: `2 of 3 partitions cannot store what there is to say and will try again: ${problem}`,
      remedy: expect.stringContaining("restarted once there is room"),
    });
  });

  test("nothing to say about it when all is well", () => {
    expect(outputFindings([{ partition: 0, problem: null }])).toEqual([]);
  });
});
