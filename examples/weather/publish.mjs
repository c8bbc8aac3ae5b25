// Publishes a file of weather to Rollcall: one JSON object a line with place, condition and temperature (°C).
// An adapter of your own does the same with what your weather service says, every few minutes.
//
//   node examples/weather/publish.mjs weather.jsonl [http://127.0.0.1:8080]
//
// Where Rollcall needs a key, ROLLCALL_KEY holds one of role build.
import { readFile } from "node:fs/promises";

/** Should the adapter stop, nobody stays in the rain for ever. */
const LASTS_MS = 3 * 3_600_000;
const AT_ONCE_MAX = 1_000;

const [file = "examples/weather/weather.jsonl", url = "http://127.0.0.1:8080"] = process.argv.slice(2);
const key = process.env.ROLLCALL_KEY;

// To the hour, so that what has not changed is the same message, and is not written again.
const until = new Date(Math.ceil((Date.now() + LASTS_MS) / 3_600_000) * 3_600_000).toISOString();
const lines = (await readFile(file, "utf8")).split("\n").filter((line) => line.trim() !== "");
const situations = lines.map((line) => {
  const { place, ...values } = JSON.parse(line);
  return { kind: "weather", place, values, until };
});

for (let at = 0; at < situations.length; at += AT_ONCE_MAX) {
  const response = await fetch(`${url}/v1/situations`, {
    method: "POST",
    headers: { "content-type": "application/json", ...(key ? { authorization: `Bearer ${key}` } : {}) },
    body: JSON.stringify(situations.slice(at, at + AT_ONCE_MAX)),
  });
  const answer = await response.json();
  if (!response.ok) throw new Error(`Rollcall refused: ${answer.error.message}`);
  console.log(`${answer.written} written, ${answer.unchanged} unchanged`);
}
