// The page at `/`: segments with their sizes, who has just joined or left, and where to go next.
// Rendered here, kept up to date by page-script.ts over /v1/live. No file from elsewhere, no framework.
import type { Delta } from "../../core/types.ts";
import type { Overview, SegmentSummary } from "../audience/audience.ts";
import { ICON } from "./icon.ts";
import { PAGE_SCRIPT } from "./page-script.ts";
import { PAGE_STYLE } from "./page-style.ts";

export interface PageData {
  readonly overview: Overview;
  readonly recent: readonly Delta[];
  readonly natsUrl: string;
  readonly subjectPrefix: string;
  readonly nonce: string;
}

const RECENT_SHOWN = 14;
const NUMBER = new Intl.NumberFormat("en-US");

export function renderPage(data: PageData): string {
  const { overview, recent, nonce } = data;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Rollcall</title>
<link rel="icon" href="data:image/svg+xml,${encodeURIComponent(ICON)}">
<style nonce="${nonce}">${PAGE_STYLE}</style>
</head>
<body>
<header>
  <div class="brand">${ICON}<h1>Rollcall</h1><p>Who is in which segment, right now.</p></div>
  <p id="state" class="state" role="status"><span class="dot" aria-hidden="true"></span><span class="word">connecting</span></p>
</header>
<main>
  <section class="segments" aria-labelledby="segments-title">
    <div class="bar">
      <h2 id="segments-title">Segments</h2>
      <p class="facts"><b id="universe">${numberOf(overview.universe)}</b> people and accounts known</p>
    </div>
    <table>
      <thead><tr><th scope="col">Segment</th><th scope="col" class="size">Members</th></tr></thead>
      <tbody id="segments">${overview.segments.map(segmentRow).join("")}</tbody>
    </table>
    <p id="none" class="quiet"${overview.segments.length > 0 ? " hidden" : ""}>No segments yet. Apply some: <code>rollcall segments apply config/segments</code></p>
  </section>
  <section class="ticker" aria-labelledby="ticker-title">
    <div class="bar">
      <h2 id="ticker-title">Just now</h2>
      <button id="pause" type="button" aria-pressed="false">Pause</button>
    </div>
    <ol id="ticker">${recent.slice(0, RECENT_SHOWN).map(deltaItem).join("")}</ol>
    <p id="still" class="quiet"${recent.length > 0 ? " hidden" : ""}>Nobody has joined or left since this page’s server started.</p>
    <noscript><p class="quiet">Without JavaScript the page shows the moment it was loaded. Reload it for a newer one.</p></noscript>
  </section>
  ${nextSteps(data)}
</main>
<script nonce="${nonce}">${PAGE_SCRIPT}</script>
</body>
</html>
`;
}

function segmentRow(segment: SegmentSummary): string {
  const { id, name, description, size } = segment;
  return `<tr data-id="${html(id)}"><th scope="row"><span class="name">${html(name)}</span><a href="/v1/segments/${encodeURIComponent(id)}/members"><code>${html(id)}</code></a><span class="kind">${kindWord(segment)}</span>${badge(segment)}<span class="description">${html(description)}</span></th><td class="size">${numberOf(size)}</td></tr>`;
}

function kindWord({ kind }: SegmentSummary): string {
  return kind === "account" ? "accounts" : "people";
}

function badge(segment: SegmentSummary): string {
  if (segment.state !== "live") return `<span class="badge">${segment.state}</span>`;
  return segment.nextVersion === null ? "" : `<span class="badge">version ${segment.nextVersion} in preparation</span>`;
}

function deltaItem(delta: Delta): string {
  const at = new Date(delta.at).toISOString();
  return `<li class="${delta.change}"><time datetime="${at}">${at.slice(11, 19)}</time><span class="who">${html(delta.id)}</span><span class="change">${delta.change}</span><span class="where">${html(delta.segment)}</span></li>`;
}

function nextSteps({ natsUrl, subjectPrefix, recent }: PageData): string {
  const joined = recent.find((delta) => delta.change === "joined" && delta.kind === "user");
  const segment = joined?.segment ?? "cart-under-100";
  const user = joined === undefined || /[^A-Za-z0-9_-]/.test(joined.id) ? "u1" : joined.id;
  const event = '{"type":"track","event":"Product Added","userId":"u1","properties":{"product_id":"p1","price":60}}';
  const usual = natsUrl.endsWith("127.0.0.1:4222");
  const server = usual ? "" : ` --server ${natsUrl}`;
  const named = subjectPrefix === "" ? "" : ` --name ${subjectPrefix.slice(0, -1)}`;
  const ours = `rollcall${usual ? "" : ` --nats-url ${natsUrl}`}${named}`;
  const steps: readonly (readonly [string, string])[] = [
    ["Hear every change, with any NATS client", `nats sub${server} '${subjectPrefix}segment.>'`],
    ["Send an event of your own", `nats pub${server} ${subjectPrefix}events.u1 '${event}'`],
    ["Ask why somebody is in a segment, or is not", `${ours} explain ${segment} ${user}`],
    ["Watch people join and leave", `${ours} tail`],
    ["Change a rule, and see the difference announced", `${ours} segments apply config/segments`],
    ["Recompute everything from the log and compare", `${ours} replay --verify`],
  ];
  return `<section class="next" aria-labelledby="next-title">
    <h2 id="next-title">Where to go next</h2>
    <dl>${steps.map(([what, command]) => `<div><dt>${html(what)}</dt><dd><code tabindex="0">${html(command)}</code></dd></div>`).join("")}</dl>
    <p class="quiet">In the project’s folder <code>rollcall</code> is <code>node dist/cmd/rollcall.js</code>. By HTTP, all of it at <a href="/docs">/docs</a>: <a href="/v1/segments">/v1/segments</a>, <a href="/v1/users/${user}">/v1/users/${user}</a>, <code>/v1/accounts/ID</code>, <a href="/v1/explain?segment=${segment}&amp;user=${user}">/v1/explain</a>, <a href="/metrics">/metrics</a>, <a href="/readyz">/readyz</a>.</p>
  </section>`;
}

function numberOf(value: number | null): string {
  return value === null ? "–" : NUMBER.format(value);
}

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

function html(text: string): string {
  return text.replace(/[&<>"']/g, (char) => ENTITIES[char]!);
}
