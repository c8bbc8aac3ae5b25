// What commands print: tables, numbers, progress, explanations, log lines; and that nothing from outside moves the cursor.

import { describe, expect, test } from "vitest";
import { deltaLine } from "../../cmd/cli/tail.ts";
import { endingOf } from "../../lib/cli/errors.ts";
import { explainTree } from "../../lib/cli/explain-tree.ts";
import { logLines } from "../../lib/cli/log-lines.ts";
import { accountViewText } from "../../lib/cli/member-text.ts";
import { bytes, counted, duration } from "../../lib/cli/numbers.ts";
import { progressBar } from "../../lib/cli/progress.ts";
import { plain, styleFor, widthOf } from "../../lib/cli/style.ts";
import { type Column, printRows } from "../../lib/cli/table.ts";
import { sourceText, visitsText } from "../../lib/cli/visits-text.ts";

const PLAIN = styleFor({}, {});
const HOSTILE = "u\u001b[2J\u202e1\n2";

describe("tables", () => {
  interface Row {
    readonly id: string;
    readonly size: number | null;
  }
  const columns: readonly Column<Row>[] = [
    { title: "ID", key: "id", value: (row) => row.id },
    { title: "SIZE", key: "size", value: (row) => row.size, align: "right" },
  ];
  const rows = [
    { id: "a", size: 5 },
    { id: HOSTILE, size: null },
    { id: '=cmd("x")', size: -1_234 },
  ];

  test("columns line up, and control characters are shown, not obeyed", () => {
    const text = printRows(rows, columns, "table", PLAIN);
    expect(text).toBe('ID          SIZE\na              5\nu�[2J�1�2      –\n=cmd("x")  -1234\n');
  });

  test("CSV quotes what it must and disarms formulas; numbers stay numbers", () => {
    expect(printRows(rows.slice(2), columns, "csv", PLAIN)).toBe('id,size\n"\'=cmd(""x"")",-1234\n');
  });

  test("JSON gives the values as they are", () => {
    expect(JSON.parse(printRows(rows, columns, "json", PLAIN))).toEqual(rows);
  });
});

test("colour: a terminal has it, NO_COLOR and pipes do not, FORCE_COLOR insists", () => {
  const red = (isTTY: boolean, env: NodeJS.ProcessEnv) => styleFor({ isTTY }, env).red("x");
  expect(red(true, {})).toBe("\u001b[31mx\u001b[39m");
  expect(red(true, { NO_COLOR: "1" })).toBe("x");
  expect(red(false, {})).toBe("x");
  expect(red(false, { FORCE_COLOR: "1" })).not.toBe("x");
  expect(widthOf(red(true, {}))).toBe(1);
  expect(plain(HOSTILE)).not.toContain("\u001b");
});

test.each([
  [400, "0.4s"],
  [65_000, "1m 5s"],
  [3_600_000, "1h"],
  [90_061_000, "1d 1h"],
  [Number.POSITIVE_INFINITY, "–"],
])("%i ms are %s", (ms, text) => {
  expect(duration(ms)).toBe(text);
});

test("counts and sizes", () => {
  expect([counted(1, "row"), counted(2_000, "row")]).toEqual(["1 row", "2,000 rows"]);
  expect([bytes(999), bytes(1_536), bytes(80 * 1024 ** 3)]).toEqual(["999 B", "1.5 KB", "80 GB"]);
});

describe("progress", () => {
  function bar(isTTY: boolean, columns = 100) {
    let now = 0;
    let written = "";
    const output = { isTTY, columns, write: (text: string) => (written += text) };
    const progress = progressBar("file.csv", output, () => now);
    return {
      at: (ms: number, done: number) => {
        now = ms;
        progress.update({ fraction: done / 1_000, done, unit: "rows" });
      },
      progress,
      taken: () => {
        const text = written;
        written = "";
        return text;
      },
    };
  }

  test("off a terminal it is a line every five seconds, with rate and time left", () => {
    const { at, taken } = bar(false);
    at(1_000, 100);
    at(4_999, 400);
    expect(taken()).toBe("");
    at(5_000, 500);
    expect(taken()).toBe("file.csv · 50 % · 500 rows · 100/s · 5s left\n");
  });

  test("on a terminal it is one line that is redrawn, never wider than the terminal", () => {
    const { at, taken, progress } = bar(true, 40);
    at(2_000, 500);
    const text = taken();
    expect(text.startsWith("\r\u001b[K")).toBe(true);
    expect(widthOf(text.replace("\r\u001b[K", ""))).toBeLessThan(40);
    at(2_050, 510);
    expect(taken()).toBe("");
    progress.line("line 7: not a number");
    expect(taken()).toContain("\r\u001b[Kline 7: not a number\n");
    progress.end();
    expect(taken()).toBe("\r\u001b[K");
  });
});

test("an explanation is a tree: what passed, what was found, what was wanted, until when", () => {
  const clock = Date.UTC(2026, 10, 23, 10);
  const root = {
    rule: "segment x",
    pass: false,
    nodes: [
      {
        rule: "all",
        pass: false,
        nodes: [
          { rule: "cart.value", pass: true, actual: 60, expected: "> 0" },
          {
            rule: "any",
            pass: false,
            nodes: [{ rule: "event Ping", pass: false, actual: 2, expected: "≥ 3", until: clock + 65_000 }],
          },
          { rule: "trait plan", pass: false, actual: HOSTILE, expected: "= trial" },
        ],
      },
    ],
  };
  expect(explainTree(root, clock, PLAIN)).toBe(
    [
      "✗ all",
      "├─ ✓ cart.value · is 60, wanted > 0",
      "├─ ✗ any",
      "│  └─ ✗ event Ping · is 2, wanted ≥ 3 · until 2026-11-23 10:01:05Z (1m 5s)",
      "└─ ✗ trait plan · is u�[2J�1�2, wanted = trial",
    ].join("\n"),
  );
  // A narrow terminal breaks lines between facts, below the node's own mark.
  expect(explainTree(root, clock, PLAIN, 44)).toBe(
    [
      "✗ all",
      "├─ ✓ cart.value · is 60, wanted > 0",
      "├─ ✗ any",
      "│  └─ ✗ event Ping · is 2, wanted ≥ 3",
      "│       until 2026-11-23 10:01:05Z (1m 5s)",
      "└─ ✗ trait plan",
      "     is u�[2J�1�2, wanted = trial",
    ].join("\n"),
  );
});

test("log lines are put together from pieces, and what is no JSON is shown as it is", () => {
  let written = "";
  const lines = logLines({ write: (text) => (written += text) });
  lines.write('{"level":"warn","time":"2026-11-23T10:00:00.000Z","pid":1,"role":"worker","msg":"slow","par');
  expect(written).toBe("");
  lines.write('tition":3}\nSegmentation fault\n');
  expect(written).toMatch(/^\d\d:\d\d:\d\d warn {2}slow partition=3\nSegmentation fault\n$/);
});

test("known errors end with their code and their sentence; a fault of ours shows its stack", () => {
  const unreachable = Object.assign(new Error("No connection"), { name: "ServerUnreachable" });
  expect(endingOf(unreachable)).toEqual({ exitCode: 3, text: "No connection" });
  const ours = endingOf(new TypeError("x is undefined"));
  expect(ours.exitCode).toBe(1);
  expect(ours.text).toContain("text.test.ts");
});

describe("a person's visits", () => {
  const start = Date.UTC(2026, 10, 2, 10);
  const visit = { duration: 720_000, pages: 2, events: 3, channel: "web", entry: "/a", page: "/b" };

  test("what is known of the newest follows how many there are", () => {
    expect(visitsText({ count: 0 })).toBe("none");
    const newest = { start, last: start + 720_000, underWay: false, visit };
    expect(visitsText({ count: 1_200, newest })).toBe(
      "1,200, the newest 2026-11-02 10:00:00Z · 12m · 2 pages · 3 events · web · /a → /b",
    );
    // No rule asks more than their times: nothing else is kept.
    expect(visitsText({ count: 1, newest: { start, last: start, underWay: true, visit: { duration: 0 } } })).toBe(
      "1, under way since 2026-11-02 10:00:00Z",
    );
  });

  test("a source is its words, the referrer last, and nothing that moves the cursor", () => {
    const url = "https://www.google.com/\u001b[2J";
    const first = { medium: "search", name: "Google", url, domain: "google.com", subdomain: "www" };
    expect(sourceText({ first, latest: { medium: "direct" } })).toBe(
      "first   search · Google · https://www.google.com/�[2J\nlatest  direct",
    );
  });
});

describe("accounts", () => {
  const at = Date.UTC(2026, 10, 23, 10);
  const view = {
    id: "acme",
    traits: { plan: "trial", seats: 12 },
    users: 1_024,
    usersByRule: { "did any event at least 1 time in the last 2m": 5, "have trait role champion": 0 },
    place: { country: "NO" },
    visits: { count: 0 },
    situations: {},
    orders: { count: 3, revenue: 1_250.5 },
    objects: {},
    lists: ["pilots"],
    memberships: [
      { segment: "trial-ending", in: true, n: 3, since: at },
      { segment: "quiet", in: false, n: 2, since: at },
    ],
    firstSeen: at,
    lastSeen: at + 1_000,
  };

  test("what is known of one: its users first, and how many each rule counts", () => {
    expect(accountViewText(view, PLAIN, 44)).toBe(
      [
        "acme  account",
        "seen       2026-11-23 10:00:00Z – 2026-11-23 10:00:01Z",
        "users      1,024",
        "           5  did any event at least 1 time",
        "              in the last 2m",
        "           0  have trait role champion",
        "segments   trial-ending  since 2026-11-23 10:00:00Z",
        "was in     quiet  until 2026-11-23 10:00:00Z",
        'traits     plan  "trial"',
        "           seats  12",
        "visits     none",
        'place      country  "NO"',
        "orders     3, 1,250.50 in all",
        "objects    none",
        "lists      pilots",
      ].join("\n"),
    );
  });

  test("an explanation says how many users of how many, who, and what their account fails", () => {
    const ids = ["ann", HOSTILE, "cy"];
    const users = { rule: "did Ping", on: 1_002, of: 2_000, ids };
    const inner = { rule: "trait plan", pass: false, actual: "team", expected: "trial" };
    const root = {
      rule: "segment x",
      pass: true,
      nodes: [
        {
          rule: "all",
          pass: true,
          nodes: [
            { rule: "at least 2 users who (did Ping)", pass: true, expected: "at least 2", users },
            { rule: "account", pass: false, expected: "one", account: { id: "acme", flag: "12.0" }, nodes: [inner] },
          ],
        },
      ],
    };
    expect(explainTree(root, at, PLAIN)).toBe(
      [
        "✓ all",
        "├─ ✓ at least 2 users who (did Ping) · 1,002 of 2,000 users, wanted at least 2",
        "│    ann, u�[2J�1�2, cy, … 999 more",
        "└─ ✗ account · account acme",
        "   └─ ✗ trait plan · is team, wanted trial",
      ].join("\n"),
    );
    expect(explainTree(root, at, PLAIN, 50).split("\n").slice(1, 4)).toEqual([
      "├─ ✓ at least 2 users who (did Ping)",
      "│    1,002 of 2,000 users, wanted at least 2",
      "│    ann, u�[2J�1�2, cy, … 999 more",
    ]);
  });

  test("a delta of an account says that it is one", () => {
    const delta = { segment: "quiet", version: 1, id: "acme", change: "left", n: 2, at } as const;
    const cause = { type: "time", seq: 7 } as const;
    expect(deltaLine({ ...delta, kind: "account", cause }, PLAIN)).toContain("acme  account, by silence");
    expect(deltaLine({ ...delta, kind: "user", cause }, PLAIN)).toMatch(/acme {2}by silence$/);
  });
});
