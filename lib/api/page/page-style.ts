// How the page looks: light and dark by the reader's own setting, one column where it is narrow.
// Put into page.ts as it stands; contrast is at least 4.5 to 1 in both.

export const PAGE_STYLE = `
:root {
  --ground: #f6f7fb; --card: #fff; --line: #dfe3ee; --text: #1a2033; --soft: #59617a; --accent: #2f4bc4;
  --joined: #0b6b3a; --joined-ground: #e2f5ea; --left: #9a3412; --left-ground: #fdece3; --flash: #e4e9ff; --code: #eef0f7;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #10131c; --card: #181d2a; --line: #2b3245; --text: #e8ebf5; --soft: #a3abc2; --accent: #9db0ff;
    --joined: #7fdca6; --joined-ground: #12301f; --left: #ffb491; --left-ground: #3a2014; --flash: #2a3358; --code: #222838;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body {
  margin: 0 auto; padding: 1.25rem clamp(1rem, 4vw, 2.5rem) 3rem; max-width: 76rem;
  background: var(--ground); color: var(--text); font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", sans-serif;
}
h1, h2, p, dl, dd, ol { margin: 0; padding: 0; }
h1 { font-size: 1.35rem; letter-spacing: -.01em; }
h2 { font-size: 1.05rem; }
a { color: var(--accent); text-underline-offset: .15em; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; border-radius: 4px; }
code { font: .85em/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; }
header { display: flex; flex-wrap: wrap; gap: .5rem 1.5rem; align-items: center; justify-content: space-between; margin-bottom: 1.25rem; }
.brand { display: flex; flex-wrap: wrap; align-items: center; gap: .1rem .7rem; }
.brand p, .quiet, .facts { color: var(--soft); }
.state { display: flex; align-items: center; gap: .5rem; font-size: .9rem; color: var(--soft); }
.dot { width: .6rem; height: .6rem; border-radius: 50%; background: var(--soft); }
.state.live .dot { background: var(--joined); }
.state.lost .dot { background: var(--left); }
main { display: grid; gap: 1.25rem; grid-template-columns: minmax(0, 1.45fr) minmax(0, 1fr); align-items: start; }
section { background: var(--card); border: 1px solid var(--line); border-radius: 12px; padding: 1.1rem 1.25rem; }
.bar { display: flex; align-items: baseline; justify-content: space-between; gap: 1rem; margin-bottom: .5rem; }
.facts { font-size: .9rem; }
.facts b { color: var(--text); font-variant-numeric: tabular-nums; }
table { width: 100%; border-collapse: collapse; }
thead th { font-size: .8rem; font-weight: 500; color: var(--soft); padding: .25rem 0; border-bottom: 1px solid var(--line); }
th { text-align: left; font-weight: 400; }
tbody th, tbody td { padding: .7rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
tbody tr:last-child th, tbody tr:last-child td { border-bottom: 0; padding-bottom: .2rem; }
.size { text-align: right; padding-left: 1rem; white-space: nowrap; }
td.size { font-size: 1.5rem; line-height: 1.2; font-weight: 600; font-variant-numeric: tabular-nums; }
.name { font-weight: 600; margin-right: .5rem; }
.description { display: block; color: var(--soft); font-size: .9rem; margin-top: .1rem; max-width: 62ch; }
tbody th a { text-decoration: none; }
tbody th a:hover { text-decoration: underline; }
.kind { margin-left: .5rem; font-size: .8rem; color: var(--soft); }
.kind + .badge { margin-left: .5rem; }
.badge { font-size: .75rem; padding: .05rem .5rem; border-radius: 99px; background: var(--flash); }
.changed td.size { animation: changed 1.6s ease-out; }
@keyframes changed { from { color: var(--accent); } }
#ticker { list-style: none; font-size: .9rem; }
#ticker li { display: grid; grid-template-columns: auto minmax(0, 1fr) auto; gap: 0 .6rem; align-items: baseline; padding: .4rem 0; border-bottom: 1px solid var(--line); }
#ticker li:last-child { border-bottom: 0; }
#ticker time { color: var(--soft); font-variant-numeric: tabular-nums; }
#ticker .who { font-weight: 600; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
#ticker .where { grid-column: 2 / 4; color: var(--soft); }
#ticker .change { font-size: .8rem; padding: .02rem .5rem; border-radius: 99px; }
.joined .change { color: var(--joined); background: var(--joined-ground); }
.left .change { color: var(--left); background: var(--left-ground); }
button { font: inherit; font-size: .85rem; color: var(--text); background: var(--code); border: 1px solid var(--line); border-radius: 8px; padding: .2rem .7rem; cursor: pointer; }
button:hover { border-color: var(--soft); }
.next { grid-column: 1 / -1; }
.next dl { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 24rem), 1fr)); gap: .9rem 1.5rem; margin: .8rem 0 1rem; }
.next dt { font-size: .9rem; color: var(--soft); margin-bottom: .25rem; }
.next dd code { display: block; white-space: pre-wrap; overflow-wrap: anywhere; background: var(--code); border-radius: 8px; padding: .5rem .75rem; }
.quiet { font-size: .9rem; }
[hidden] { display: none; }
@media (max-width: 52rem) { main { grid-template-columns: minmax(0, 1fr); } }
@media (prefers-reduced-motion: reduce) { .changed td.size { animation: none; } }
`;
