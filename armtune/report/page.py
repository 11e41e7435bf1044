"""``report.html``: a run, or several beside each other, as one page that needs no other file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from plotly.offline import get_plotlyjs

from armtune.files import write_text
from armtune.recipe.load import dump_content
from armtune.report import figures
from armtune.report.curves import curves
from armtune.report.glossary import html as glossary
from armtune.report.optuna_plots import importances, optuna_plots
from armtune.report.plots import Plane
from armtune.report.run import RunReport
from armtune.report.run_comparison import chosen_grid, recipe_grid
from armtune.report.tables import LEFT, VALUES, Grid, failures

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

REPORT = "report.html"

_STYLE = """\
body { font: 15px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem;
       color: #222; }
h2 { margin: 2.2rem 0 .4rem; font-size: 1.2rem; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .9rem; }
th, td { padding: .15rem .7rem; text-align: right; border-bottom: 1px solid #ddd; }
th { position: sticky; top: 0; background: white; }
.left { text-align: left; }
.wide { overflow: auto; max-height: 32rem; }
.chosen { background: #fdf3e7; padding: .6rem 1rem; border-left: 4px solid #dd8452; }
.failure { color: #a3252a; }
dt { font-weight: 600; margin-top: .4rem; }
dd { margin-left: 1.5rem; }
.verdict { font-weight: 600; margin: .3rem 0; }
pre { overflow: auto; background: #f6f6f6; padding: .8rem; font-size: .85rem; }
"""
_LAYOUT = {
    "template": "plotly_white",
    "margin": {"l": 70, "r": 20, "t": 30, "b": 50},
    "font": {"family": "system-ui, sans-serif", "size": 13},
    "hoverlabel": {"align": "left"},
}
_CONFIG = '{"responsive": true, "displaylogo": false}'
# Figures are drawn when they come near the window: a page of many opens at once.
_SCRIPT = """\
const draw = (entries, watcher) => entries.filter(e => e.isIntersecting).forEach(({target}) => {
  watcher.unobserve(target);
  const figure = JSON.parse(target.querySelector("script").textContent);
  target.replaceChildren();
  Plotly.newPlot(target, figure.data, figure.layout, CONFIG);
});
const watcher = new IntersectionObserver(draw, {rootMargin: "400px"});
document.querySelectorAll(".figure").forEach(figure => watcher.observe(figure));
window.addEventListener("beforeprint", () =>
  draw([...document.querySelectorAll(".figure:not(.js-plotly-plot)")].map(
    target => ({target, isIntersecting: true})), watcher));
"""


def write_report(reports: Sequence[RunReport], path: Path) -> None:
    """Writes the page.

    Args:
        reports: one run, or several to compare; all have the first one's objectives.

    Raises:
        RunError: the file can't be written.
    """
    write_text(path, page(reports))


def page(reports: Sequence[RunReport]) -> str:
    """The page as HTML text, of some 5 MB, most of it plotly's JavaScript."""
    title = escape(" and ".join(dict.fromkeys(report.name for report in reports)))
    sections = _comparison(reports) if len(reports) > 1 else []
    for report in reports:
        sections += _sections(report, alone=len(reports) == 1)
    sections.append(glossary())
    head = f'<meta charset="utf-8"><title>{title}</title><style>{_STYLE}</style>'
    head += '<meta name="viewport" content="width=device-width">'
    body = "\n".join(sections)
    scripts = f"<script>{get_plotlyjs()}</script>"
    scripts += f"<script>{_SCRIPT.replace('CONFIG', _CONFIG)}</script>"
    content = f"<head>{head}</head>\n<body>\n{body}\n{scripts}</body>"
    return f'<!doctype html>\n<html lang="en">{content}</html>\n'


def _comparison(reports: Sequence[RunReport]) -> list[str]:
    return [
        "<h1>Comparison</h1>",
        *_drawn("Fronts", figures.front(reports)),
        *_table(chosen_grid(reports)),
        *_table(recipe_grid(reports)),
    ]


def _sections(report: RunReport, alone: bool) -> list[str]:
    lines = [f"<h1>{escape(report.name if alone else report.label)}</h1>"]
    lines += [f'<p class="{_mark(line)}">{escape(line)}</p>' for line in report.verdict]
    lines += [f"<p>Data: {escape(report.data)}</p>", _goals(report)]
    lines += [f'<p class="chosen">{escape(report.choice)}</p>']
    lines += [f"<p>{escape(report.preserved)}</p>"] if report.preserved else []
    lines += [f"<p>{escape(note)}</p>" for note in report.notes]
    lines += [f'<p class="failure">{escape(line)}</p>' for line in failures(report.records)]
    for title, figure in _figures(report, alone).items():
        lines += _drawn(title, figure)
    for grid in report.grids()[::-1]:
        lines += _table(grid)
    lines += ["<h2>Recipe</h2>", f"<pre>{escape(dump_content(report.content))}</pre>"]
    return lines


def _mark(line: str) -> str:
    return "failure" if line.startswith("Warning") else "verdict"


def _goals(report: RunReport) -> str:
    goals = [str(goal) for goal in (*report.goals.objectives, *report.goals.constraints)]
    said = f"Goals: {escape('; '.join(goals))}. Choice: {escape(report.rule)}."
    return f"<p>{said} Words such as gap and rung are explained at the end of the page.</p>"


def _figures(report: RunReport, alone: bool) -> Mapping[str, Figure]:
    """The figures of a run by title, as far as there is something to show."""
    shown = Plane.of(report.goals).objectives
    found: dict[str, Figure] = {"Front": figures.front([report])} if alone else {}
    found["Contribution of each modality"] = figures.modality_contributions(report)
    shares = {o.metric: importances(report.records, report.space, o) for o in shown}
    if any(shares.values()):
        found["Which hyperparameters matter"] = figures.importance(shares)
    for objective in shown:
        found |= optuna_plots(report.records, report.space, objective)
    epochs = curves(report.folder, report.records)
    for objective in shown if epochs else ():
        title = f"{objective.metric} by epoch"
        found[title] = figures.learning(report, epochs, objective.metric)
    found["When trials ran"] = figures.timeline(report)
    return found


def _drawn(title: str, figure: Figure) -> list[str]:
    figure.update_layout(_LAYOUT, title=None, width=None)
    height = figure.layout.height or 450
    # In a script nothing but its own end needs an escape.
    data = figure.to_json().replace("</", "<\\/")
    inside = f'<script type="application/json">{data}</script>'
    words = title[:1].upper() + title[1:].replace("_", " ")
    return [
        f"<h2>{escape(words)}</h2>",
        f'<div class="figure" style="height: {height}px">{inside}</div>',
    ]


def _table(grid: Grid) -> Iterable[str]:
    marks = [' class="left"' if c in (*LEFT, VALUES, "key") else "" for c in grid.columns]

    def line(tag: str, cells: Sequence[str]) -> str:
        pairs = zip(marks, cells, strict=True)
        return "".join(f"<{tag}{mark}>{escape(cell)}</{tag}>" for mark, cell in pairs)

    rows = "\n".join(f"<tr>{line('td', row)}</tr>" for row in grid.rows)
    head = f"<thead><tr>{line('th', grid.columns)}</tr></thead>"
    if grid.rows:
        yield f"<h2>{escape(grid.title)}</h2>"
        yield f'<div class="wide"><table>{head}<tbody>\n{rows}\n</tbody></table></div>'
