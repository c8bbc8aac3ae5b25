// What keeps the page up to date in the browser: sizes and deltas from /v1/live. Whatever comes from outside is set as
// text, never as HTML. Plain JavaScript in a string, because it is the only script that the page has.

export const PAGE_SCRIPT = `
"use strict";
const SHOWN = 14;
const byId = (id) => document.getElementById(id);
const number = new Intl.NumberFormat("en-US");
const sizeText = (size) => (size === null ? "\\u2013" : number.format(size));
const state = byId("state"), ticker = byId("ticker"), pause = byId("pause");
let paused = false;

function say(kind, word) {
  state.className = "state " + kind;
  const label = state.querySelector(".word");
  if (label.textContent !== word) label.textContent = word;
}

function element(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  made.textContent = text;
  return made;
}

function makeRow(segment) {
  const row = document.createElement("tr");
  row.dataset.id = segment.id;
  const head = document.createElement("th");
  head.scope = "row";
  const link = document.createElement("a");
  link.href = "/v1/segments/" + encodeURIComponent(segment.id) + "/members";
  link.append(element("code", "", segment.id));
  head.append(element("span", "name", segment.name), link, element("span", "kind", kindWord(segment)), element("span", "badge", ""), element("span", "description", segment.description));
  row.append(head, element("td", "size", sizeText(segment.size)));
  return row;
}

function kindWord(segment) {
  return segment.kind === "account" ? "accounts" : "people";
}

function badgeText(segment) {
  if (segment.state !== "live") return segment.state;
  return segment.nextVersion === null ? "" : "version " + segment.nextVersion + " in preparation";
}

function updateRow(row, segment) {
  row.querySelector(".name").textContent = segment.name;
  row.querySelector(".description").textContent = segment.description;
  row.querySelector(".kind").textContent = kindWord(segment);
  let badge = row.querySelector(".badge");
  const text = badgeText(segment);
  if (!badge && text) row.querySelector(".kind").after((badge = element("span", "badge", "")));
  if (badge) { badge.textContent = text; badge.hidden = text === ""; }
  const cell = row.querySelector("td.size");
  const size = sizeText(segment.size);
  if (cell.textContent === size) return;
  cell.textContent = size;
  row.classList.remove("changed");
  void row.offsetWidth;
  row.classList.add("changed");
}

function showSizes(overview) {
  say("live", "live");
  byId("universe").textContent = sizeText(overview.universe);
  byId("none").hidden = overview.segments.length > 0;
  const body = byId("segments");
  const rows = new Map([...body.rows].map((row) => [row.dataset.id, row]));
  overview.segments.forEach((segment, index) => {
    const row = rows.get(segment.id) || makeRow(segment);
    rows.delete(segment.id);
    if (body.rows[index] !== row) body.insertBefore(row, body.rows[index] || null);
    updateRow(row, segment);
  });
  for (const row of rows.values()) row.remove();
}

function localTime(at) {
  return new Date(at).toLocaleTimeString("en-GB", { hour12: false });
}

function showDelta(delta) {
  const item = document.createElement("li");
  item.className = delta.change;
  const time = element("time", "", localTime(delta.at));
  time.dateTime = delta.at;
  const where = element("span", "where", delta.segment + (delta.cause && delta.cause.type === "time" ? " \\u00b7 by silence" : ""));
  item.append(time, element("span", "who", delta.id), element("span", "change", delta.change), where);
  ticker.prepend(item);
  while (ticker.children.length > SHOWN) ticker.lastElementChild.remove();
}

for (const time of ticker.querySelectorAll("time")) time.textContent = localTime(time.dateTime);

pause.addEventListener("click", () => {
  paused = !paused;
  pause.setAttribute("aria-pressed", String(paused));
  pause.textContent = paused ? "Go on" : "Pause";
});

const held = new Map();
let universe = null, answered = true;

function takeSizes(data) {
  answered = !data.unavailable;
  if (!answered) return say("lost", "no answer from the workers");
  for (const id of data.removed || []) held.delete(id);
  for (const segment of data.segments) held.set(segment.id, segment);
  universe = data.universe;
  const segments = [...held.values()].sort((a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0));
  showSizes({ segments, universe });
}

const live = new EventSource("/v1/live?topics=sizes,changes");
live.addEventListener("snapshot", (event) => {
  const { topic, data } = JSON.parse(event.data);
  if (topic !== "sizes") return;
  held.clear();
  takeSizes(data);
});
live.addEventListener("delta", (event) => {
  const { topic, data } = JSON.parse(event.data);
  if (topic === "sizes") return takeSizes(data);
  if (paused) return;
  byId("still").hidden = true;
  for (const delta of data.items) showDelta(delta);
});
live.addEventListener("start", () => { if (answered) say("live", "live"); });
live.addEventListener("error", () => say("lost", "connection lost, trying again"));
`;
