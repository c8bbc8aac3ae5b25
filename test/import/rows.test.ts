// Reading files: line numbers, quoting, and everything that can be wrong with a line, which is never fatal.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { parse } from "csv-parse/sync";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { LINE_BYTES_MAX, type Line, openLines, splitLines } from "../../lib/import/lines.ts";
import { type CsvRecord, csvRecords, csvRows, ndjsonRows, type Row } from "../../lib/import/rows.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "rollcall-import-"));
});
afterAll(() => rm(folder, { recursive: true }));

async function fileOf(bytes: string | Buffer): Promise<string> {
  const path = join(folder, `${Math.random()}`);
  await writeFile(path, bytes);
  return path;
}

async function readCsv(bytes: string | Buffer): Promise<{ header: readonly string[]; rows: Row[] }> {
  let header: readonly string[] = [];
  const rows: Row[] = [];
  const source = await openLines(await fileOf(bytes));
  const chunks = csvRows(source.chunks, { delimiter: "," }, (names) => {
    header = names;
  });
  for await (const chunk of chunks) rows.push(...chunk);
  return { header, rows };
}

const shape = (row: Row) => (row.ok ? [row.line, row.cells] : [row.line, row.reason]);

async function* oneLine(text: string): AsyncGenerator<readonly Line[]> {
  yield [{ line: 1, text }];
}

function parsed(text: string): readonly string[] | "refused" {
  try {
    return parse(text, { relax_column_count: true })[0]!;
  } catch {
    return "refused";
  }
}

describe("CSV", () => {
  test("rows carry the number of the line on which they start", async () => {
    const { header, rows } = await readCsv('﻿a,b\r\n1,2\r\n"x\ny","say ""hi"", twice"\r\n\r\n3,\r\n');
    expect(header).toEqual(["a", "b"]);
    expect(rows.map(shape)).toEqual([
      [2, ["1", "2"]],
      [3, ["x\ny", 'say "hi", twice']],
      [6, ["3", ""]],
    ]);
  });

  test("each row of a few characters is what the parser makes of it, or refused as there", async () => {
    const texts = [""];
    for (const text of texts) if (text.length < 6) texts.push(...['"', ",", "a", " "].map((more) => text + more));
    for (const text of texts.slice(1)) {
      const rows: CsvRecord[] = [];
      for await (const some of csvRecords(oneLine(text), ",")) rows.push(...some);
      expect(rows.map((row) => (row.ok ? row.cells : "refused"))).toEqual([parsed(text)]);
    }
  });

  test("a cut-off last line is reported with its number, and the rest goes in", async () => {
    const { rows } = await readCsv("a,b,c\n1,2,3\n4,5");
    expect(rows.map(shape)).toEqual([
      [2, ["1", "2", "3"]],
      [3, "2 columns where the header has 3; the line seems to be cut off"],
    ]);
  });

  test("a forgotten quote costs its own line only", async () => {
    const many = Array.from({ length: 300 }, (_, index) => `${index},x`);
    const { rows } = await readCsv(["a,b", '"oops,1', ...many].join("\n"));
    expect(rows.filter((row) => row.ok)).toHaveLength(300);
    expect(rows.filter((row) => !row.ok).map(shape)).toEqual([[2, "a quote is opened and never closed"]]);
  });

  test("two stray quotes do not swallow the lines between them", async () => {
    const { rows } = await readCsv('a,b\n5" screen,1\n2,x\n3,x\n7" screen,1\n4,x\n');
    expect(rows.filter((row) => row.ok).map((row) => row.line)).toEqual([3, 4, 6]);
    expect(rows.filter((row) => !row.ok).map((row) => row.line)).toEqual([2, 5]);
  });

  test("a line without end is skipped up to its end", async () => {
    const { rows } = await readCsv(`a,b\n${"x".repeat(LINE_BYTES_MAX + 400_000)},1\n2,y\n`);
    expect(rows.map(shape)).toEqual([
      [2, "the line is longer than 1,048,576 bytes"],
      [3, ["2", "y"]],
    ]);
  });

  test("a line in another encoding is refused, and no other", async () => {
    const lines = [Buffer.from("a,b\nJosé,1\n"), Buffer.from("José,2\n\nJosè,3", "latin1"), Buffer.from("\nJosè,4\n")];
    const { rows } = await readCsv(Buffer.concat(lines));
    const reason = "the line is not UTF-8; store the file in that encoding";
    expect(rows.map(shape)).toEqual([
      [2, ["José", "1"]],
      [3, reason],
      [5, reason],
      [6, ["Josè", "4"]],
    ]);
  });

  test("characters are whole wherever the bytes were cut", async () => {
    const bytes = Buffer.from("\uFEFFé\r\n€,\n\n𝄞");
    const one = async function* (): AsyncGenerator<Buffer> {
      for (const byte of bytes) yield Buffer.from([byte]);
    };
    const lines: Line[] = [];
    for await (const chunk of splitLines(one())) lines.push(...chunk);
    expect(lines).toEqual([
      { line: 1, text: "é" },
      { line: 2, text: "€," },
      { line: 3, text: "" },
      { line: 4, text: "𝄞" },
    ]);
  });

  test("a header that cannot be read stops the file: nothing in it would have a name", async () => {
    await expect(readCsv('a,"b" c\n1,2\n')).rejects.toThrow("line 1, which should name the columns");
  });
});

describe("gzip", () => {
  const text = `a,b\n${Array.from({ length: 50_000 }, (_, index) => `${index},${index * 7919}`).join("\n")}\n`;

  test("is recognised by its first bytes, whatever the name", async () => {
    const { rows } = await readCsv(gzipSync(text));
    expect(rows).toHaveLength(50_000);
    expect(rows.at(-1)).toMatchObject({ ok: true, line: 50_001 });
  });

  test("a cut-off archive gives what can be unpacked, then says where it ends", async () => {
    const whole = gzipSync(text);
    const { rows } = await readCsv(whole.subarray(0, whole.length / 2));
    const good = rows.filter((row) => row.ok);
    expect(good.length).toBeGreaterThan(1_000);
    expect(rows.at(-1)).toMatchObject({ ok: false, reason: expect.stringContaining("damaged or cut off") });
    expect(rows.at(-1)!.line).toBeGreaterThan(good.at(-1)!.line);
  });
});

test("NDJSON: one object a line, anything else is a bad row", async () => {
  const source = await openLines(await fileOf('{"a":1}\n\n[1]\nnope\n{"a":2}'));
  const rows: Row[] = [];
  for await (const chunk of ndjsonRows(source.chunks)) rows.push(...chunk);
  expect(rows.map(shape)).toEqual([
    [1, { a: 1 }],
    [3, "not a JSON object"],
    [4, "not JSON"],
    [5, { a: 2 }],
  ]);
});
