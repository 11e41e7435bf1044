"""How the page looks and behaves: on screens light and dark, large and small, and on paper."""

from __future__ import annotations

STYLE = """\
:root { color-scheme: light dark; --text: #222; --page: #fff; --line: #ddd; --soft: #f6f6f6;
        --mark: #fdf3e7; --bad: #a3252a; --dim: #666; }
@media (prefers-color-scheme: dark) {
  :root { --text: #e4e4e4; --page: #17191c; --line: #3a3d42; --soft: #24272b; --mark: #3a2f22;
          --bad: #ff8a8a; --dim: #a5a5a5; } }
body { font: 15px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 90rem; padding: 0 1rem;
       color: var(--text); background: var(--page); display: flex; gap: 2rem; }
main { flex: 1; min-width: 0; max-width: 72rem; margin: 1rem auto; }
nav { position: sticky; top: 0; align-self: flex-start; width: 13rem; max-height: 100vh;
      overflow: auto; padding: 1.5rem 0; flex: none; }
nav button { display: block; width: 100%; border: 0; background: none; color: var(--dim);
             font: inherit; font-size: .85rem; text-align: left; padding: .15rem 0;
             cursor: pointer; }
nav button:hover, nav button:focus { color: var(--text); text-decoration: underline; }
h1, h2, p, li, .tiles { overflow-wrap: anywhere; }
h2 { margin: 2.2rem 0 .4rem; font-size: 1.2rem; }
.tiles { display: flex; flex-wrap: wrap; gap: .8rem; margin: 1rem 0; }
.tiles div { flex: 1 1 9rem; background: var(--soft); padding: .7rem 1rem; border-radius: .4rem; }
.tiles b { display: block; font-size: 1.35rem; font-variant-numeric: tabular-nums; }
.tiles div > span, .tiles small { display: block; color: var(--dim); }
.next { margin: .3rem 0 1rem; padding-left: 1.2rem; }
.read { color: var(--dim); margin: .2rem 0 0; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .9rem; }
th, td { padding: .15rem .7rem; text-align: right; border-bottom: 1px solid var(--line); }
th { position: sticky; top: 0; background: var(--page); cursor: pointer; }
th[data-order="1"]::after { content: " ▲"; }
th[data-order="-1"]::after { content: " ▼"; }
.left { text-align: left; }
.wide { overflow: auto; max-height: 32rem; }
.filter { font: inherit; margin: .3rem 0; padding: .2rem .5rem; width: 16rem; max-width: 100%; }
.samples { display: flex; flex-wrap: wrap; gap: .8rem; margin: .6rem 0; }
.samples figure { margin: 0; padding: .5rem; flex: 0 1 15rem; background: var(--soft);
                  border-radius: .4rem; font-size: .85rem; overflow-wrap: anywhere; }
.samples img { height: 6rem; max-width: 100%; margin-right: .4rem; object-fit: contain;
               image-rendering: pixelated; }
.samples p { margin: .2rem 0; }
.chosen { background: var(--mark); padding: .6rem 1rem; border-left: 4px solid #dd8452; }
.failure { color: var(--bad); }
.word { border-bottom: 1px dotted var(--dim); cursor: help; }
#meaning { position: fixed; z-index: 9; max-width: min(24rem, calc(100vw - 1rem)); margin: 0;
           padding: .5rem .8rem; box-sizing: border-box; background: var(--soft);
           color: var(--text); border: 1px solid var(--line); border-radius: .4rem;
           font-size: .85rem; font-weight: 400; text-align: left; }
dt { font-weight: 600; margin-top: .4rem; }
dd { margin-left: 1.5rem; }
.verdict { margin: .3rem 0; }
h1 + .verdict { font-weight: 600; }
pre, code { background: var(--soft); font-size: .85rem; overflow-wrap: anywhere; }
pre { overflow: auto; padding: .8rem; }
@media (max-width: 60rem) {
  body { display: block; padding: 0 .6rem; }
  nav { position: static; width: auto; display: flex; gap: 1rem; padding: .5rem 0; }
  nav button { width: auto; white-space: nowrap; }
  th, td { padding: .15rem .35rem; } }
@media print {
  :root { color-scheme: light; --text: #000; --page: #fff; --line: #bbb; --soft: #f3f3f3;
          --mark: #fff; --bad: #a3252a; --dim: #444; }
  body { display: block; max-width: none; }
  nav, .filter, #meaning { display: none; }
  .word { border: 0; }
  .wide { max-height: none; overflow: visible; }
  th { position: static; }
  tr { display: table-row !important; break-inside: avoid; }
  section { break-inside: auto; }
  .figure, .tiles, .samples figure { break-inside: avoid; } }
"""
_CONFIG = '{"responsive": true, "displaylogo": false}'
# Figures are drawn when they come near the window: a page of many opens at once.
SCRIPT = """\
const dark = matchMedia("(prefers-color-scheme: dark)");
const look = () => {
  const [text, line] = dark.matches ? ["#e4e4e4", "#3a3d42"] : ["#222", "#ddd"];
  return {paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
          "font.color": text, "modebar.color": text, line};
};
const coloured = layout => {
  const {line, ...rest} = look();
  const axes = Object.keys(layout).filter(key => /^[xy]axis/.test(key));
  axes.forEach(key => { rest[key + ".gridcolor"] = line; rest[key + ".zerolinecolor"] = line; });
  return rest;
};
const draw = (entries, watcher) => entries.filter(e => e.isIntersecting).forEach(({target}) => {
  watcher.unobserve(target);
  const figure = JSON.parse(target.querySelector("script").textContent);
  target.replaceChildren();
  Plotly.newPlot(target, figure.data, figure.layout, CONFIG).then(
    () => Plotly.relayout(target, coloured(target.layout)));
});
const watcher = new IntersectionObserver(draw, {rootMargin: "400px"});
document.querySelectorAll(".figure").forEach(figure => watcher.observe(figure));
dark.addEventListener("change", () => document.querySelectorAll(".js-plotly-plot").forEach(
  figure => Plotly.relayout(figure, coloured(figure.layout))));
window.addEventListener("beforeprint", () =>
  draw([...document.querySelectorAll(".figure:not(.js-plotly-plot)")].map(
    target => ({target, isIntersecting: true})), watcher));
const contents = document.querySelector("nav");
document.querySelectorAll("main h1, main h2").forEach(heading => {
  const entry = document.createElement("button");
  entry.textContent = heading.textContent;
  entry.addEventListener("click", () => heading.scrollIntoView({behavior: "smooth"}));
  contents.append(entry);
});
const meaning = document.createElement("p");
meaning.id = "meaning";
meaning.setAttribute("role", "tooltip");
meaning.hidden = true;
document.body.append(meaning);
let asked = null;
const tell = word => {
  asked = word;
  meaning.textContent = document.getElementById(
    word.getAttribute("aria-describedby")).textContent;
  meaning.hidden = false;
  const at = word.getBoundingClientRect(), own = meaning.getBoundingClientRect();
  const left = Math.min(at.left, document.documentElement.clientWidth - own.width - 8);
  const below = at.bottom + 6, fits = below + own.height < window.innerHeight;
  meaning.style.left = Math.max(8, left) + "px";
  meaning.style.top = Math.max(8, fits ? below : at.top - own.height - 6) + "px";
};
const hush = () => { meaning.hidden = true; };
document.querySelectorAll(".word").forEach(word => {
  ["mouseenter", "focus", "click"].forEach(how => word.addEventListener(how, () => tell(word)));
  ["mouseleave", "blur"].forEach(how => word.addEventListener(how, hush));
});
document.addEventListener("keydown", event => { if (event.key === "Escape") hush(); });
document.addEventListener("click", event => { if (!event.target.closest(".word")) hush(); });
document.addEventListener("scroll", () => { if (!meaning.hidden) tell(asked); },
                          {passive: true, capture: true});
const key = cell => {
  const text = cell.textContent.trim(), number = parseFloat(text);
  return text === "–" ? [2, 0] : isNaN(number) ? [1, text] : [0, number];
};
const sort = (table, column, order) => {
  const rows = [...table.tBodies[0].rows];
  rows.sort((one, other) => {
    const [a, b] = [key(one.cells[column]), key(other.cells[column])];
    if (a[0] !== b[0]) return a[0] - b[0];
    return order * (a[1] < b[1] ? -1 : a[1] > b[1] ? 1 : 0);
  });
  table.tBodies[0].append(...rows);
};
document.querySelectorAll(".wide table").forEach(table => {
  [...table.tHead.rows[0].cells].forEach((head, column, all) =>
    head.addEventListener("click", () => {
      const order = head.dataset.order === "1" ? -1 : 1;
      all.forEach(other => delete other.dataset.order);
      head.dataset.order = order;
      sort(table, column, order);
    }));
  if (table.tBodies[0].rows.length < 10) return;
  const filter = document.createElement("input");
  filter.className = "filter";
  filter.placeholder = "show rows with …";
  filter.addEventListener("input", () => {
    const words = filter.value.toLowerCase().split(/\\s+/).filter(Boolean);
    [...table.tBodies[0].rows].forEach(row => {
      const text = row.textContent.toLowerCase();
      row.style.display = words.every(word => text.includes(word)) ? "" : "none";
    });
  });
  table.parentElement.before(filter);
});
""".replace("CONFIG", _CONFIG)
