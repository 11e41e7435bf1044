"""``report.html``: a run, or several beside each other, as one page that needs no other file."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from plotly.offline import get_plotlyjs

from armtune.files import write_text
from armtune.recipe.load import dump_content
from armtune.report import examples, figures
from armtune.report.costs import READ as COSTS_READ
from armtune.report.costs import costs_grid
from armtune.report.curves import curves
from armtune.report.glossary import explained
from armtune.report.glossary import html as glossary
from armtune.report.headline import next_steps
from armtune.report.judged import alone_grid, scores_grid, split_of, spreads_grid
from armtune.report.label_scores import MOST, label_scores
from armtune.report.optuna_plots import importances, optuna_plots
from armtune.report.page_look import SCRIPT, STYLE
from armtune.report.plots import Plane
from armtune.report.reading import ALONE, reading
from armtune.report.residuals import predicted, residuals
from armtune.report.run import RunReport
from armtune.report.run_comparison import chosen_grid, recipe_grid
from armtune.report.tables import LEFT, VALUES, Grid, failures
from armtune.report.winner_marks import mark_curve, mark_slices, mark_trial
from armtune.sweeps.study.folder import BEST

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

REPORT = "report.html"
UNTESTED = (
    "Nothing was tested so far: a trial is tested when it is trained again with new seeds "
    "(sweep.confirm), and none was. All figures below are of validation samples."
)

_LAYOUT = {
    "template": "plotly_white",
    "margin": {"l": 70, "r": 20, "t": 30, "b": 50},
    "font": {"family": "system-ui, sans-serif", "size": 13},
    "hoverlabel": {"align": "left"},
    "modebar": {"bgcolor": "rgba(0,0,0,0)"},
    "colorway": figures.PALETTE,
}


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
        sections += _sections(report.shown, report.left_out, alone=len(reports) == 1)
    told = "".join(map(explained, re.split(r"(?=<section>)", "\n".join(sections))))
    head = f'<meta charset="utf-8"><title>{title}</title><style>{STYLE}</style>'
    head += '<meta name="viewport" content="width=device-width">'
    body = '<nav aria-label="Contents"></nav>\n<main>\n'
    body += f"{told}\n<section>{glossary()}</section>\n</main>"
    scripts = f"<script>{get_plotlyjs()}</script><script>{SCRIPT}</script>"
    content = f"<head>{head}</head>\n<body>\n{body}\n{scripts}</body>"
    return f'<!doctype html>\n<html lang="en">{content}</html>\n'


def _comparison(reports: Sequence[RunReport]) -> list[str]:
    return [
        "<h1>Comparison</h1>",
        *_drawn("Fronts", figures.front([report.shown for report in reports])),
        *_table(chosen_grid(reports)),
        *_table(recipe_grid(reports)),
    ]


def _sections(report: RunReport, left_out: str, alone: bool) -> list[str]:
    lines = [f"<h1>{escape(report.name if alone else report.label)}</h1>"]
    lines += _paragraphs(report.verdict[:1] or [UNTESTED])
    lines.append(_tiles(report))
    lines += _paragraphs(report.verdict[1:])
    lines.append(_next(report))
    lines += [f"<p>Data: {escape(report.data)}</p>", _goals(report)]
    lines += [f'<p class="chosen">{escape(report.choice)}</p>']
    lines += [f"<p>{escape(report.preserved)}</p>"] if report.preserved else []
    lines += [f"<p>{escape(note)}</p>" for note in report.notes]
    lines += [f'<p class="failure">{escape(line)}</p>' for line in failures(report.records)]
    lines += [f"<p>{escape(left_out)}</p>"] if left_out else []
    for title, figure in _figures(report, alone).items():
        lines += _drawn(title, figure, split_of(report.judged.get("outcomes", {})))
    lines += [*_table(alone_grid(report.judged), ALONE), *examples.sections(report.judged)]
    judged = [make(report.judged) for make in (scores_grid, spreads_grid)]
    for grid in (*judged, *report.grids()[::-1]):
        lines += _table(grid)
    lines += _table(costs_grid(report.costs), COSTS_READ)
    recipe = f"<pre>{escape(dump_content(report.content))}</pre>"
    return [*lines, f"<section><h2>Recipe</h2>{recipe}</section>"]


def _paragraphs(verdict: Sequence[str]) -> list[str]:
    return [f'<p class="{_mark(line)}">{escape(line)}</p>' for line in verdict]


def _tiles(report: RunReport) -> str:
    """The figures that matter most."""
    each = (
        f"<div><b>{escape(tile.value)}</b><span>{escape(tile.what)}</span>"
        f"<small>{escape(tile.about)}</small></div>"
        for tile in report.tiles
    )
    return f'<div class="tiles">{"".join(each)}</div>' if report.tiles else ""


def _next(report: RunReport) -> str:
    """What can be done now."""
    best = report.folder / BEST
    there = best if best.is_dir() else None
    steps = next_steps(report.folder, there, report.recipe, report.front)
    lines = (f"<li>{escape(what)}: <code>{escape(does)}</code></li>" for what, does in steps)
    return f'<p>What to do next:</p><ul class="next">{"".join(lines)}</ul>'


def _mark(line: str) -> str:
    return "failure" if line.startswith("Warning") else "verdict"


def _goals(report: RunReport) -> str:
    goals = [str(goal) for goal in (*report.goals.objectives, *report.goals.constraints)]
    said = f"Goals: {escape('; '.join(goals))}. Choice: {escape(report.rule)}."
    return f"<p>{said} Dotted words are explained where they stand, and at the end of the page.</p>"


def _figures(report: RunReport, alone: bool) -> Mapping[str, Figure]:
    """The figures of a run by title, as far as there is something to show."""
    shown = Plane.of(report.goals).objectives
    found: dict[str, Figure] = {}
    measured = any(record.metrics for record in report.records)
    if alone and measured:
        found["Front"] = figures.front([report])
    found |= _judged(report)
    if measured:
        found["Contribution of each modality"] = figures.modality_contributions(report)
        mark_trial(found["Contribution of each modality"], report)
    shares = {o.metric: importances(report.records, report.space, o) for o in shown}
    if any(shares.values()):
        found["Which hyperparameters matter"] = figures.importance(shares)
    for objective in shown:
        found |= optuna_plots(report.records, report.space, objective)
        if drawn := found.get(f"History of {objective.metric}"):
            mark_trial(drawn, report)
        if drawn := found.get(f"Each value against {objective.metric}"):
            mark_slices(drawn, report, objective.metric)
    epochs = curves(report.folder, report.records)
    chosen = [] if report.chosen is None else epochs.get(report.chosen, [])
    for objective in shown if epochs else ():
        title = f"{objective.metric} by epoch"
        found[title] = figures.learning(report, epochs, objective.metric)
        mark_curve(found[title], report, chosen, objective.metric)
    found["When trials ran"] = figures.timeline(report)
    return found


def _judged(report: RunReport) -> dict[str, Figure]:
    """What the winner says of samples that it hasn't learnt."""
    outcomes = report.judged.get("outcomes", {})
    names = list(map(str, report.judged["target"]["names"])) if outcomes else []
    found: dict[str, Figure] = {}
    if "points" in outcomes:
        found["What it predicts and what is true"] = predicted(names, outcomes["points"])
        found["How far off it is"] = residuals(names, outcomes["points"])
    if "confusion" in outcomes:
        found["What the winner takes for what"] = figures.confusion(names, outcomes["confusion"])
    elif 0 < len(outcomes.get("counts", ())) <= MOST:
        found["How often each label is right, and found"] = label_scores(names, outcomes["counts"])
    if outcomes.get("calibration"):
        found["How right it is when it is sure"] = figures.calibration(outcomes["calibration"])
    return found


def _drawn(title: str, figure: Figure, split: str = "validation") -> list[str]:
    figure.update_layout(_LAYOUT, title=None, width=None)
    height = figure.layout.height or 450
    # In a script nothing is a tag, not even for what looks for them.
    data = figure.to_json().replace("<", "\\u003c")
    inside = f'<script type="application/json">{data}</script>'
    words = title[:1].upper() + title[1:].replace("_", " ")
    return [
        f"<section><h2>{escape(words)}</h2>",
        f'<div class="figure" style="height: {height}px">{inside}</div>',
        f'<p class="read">{escape(reading(title, split))}</p></section>',
    ]


def _table(grid: Grid, read: str = "") -> Iterable[str]:
    marks = [' class="left"' if c in (*LEFT, VALUES, "key") else "" for c in grid.columns]

    def line(tag: str, cells: Sequence[str]) -> str:
        pairs = zip(marks, cells, strict=True)
        return "".join(f"<{tag}{mark}>{escape(cell)}</{tag}>" for mark, cell in pairs)

    rows = "\n".join(f"<tr>{line('td', row)}</tr>" for row in grid.rows)
    head = f"<thead><tr>{line('th', grid.columns)}</tr></thead>"
    if grid.rows:
        yield f"<section><h2>{escape(grid.title)}</h2>"
        yield f'<div class="wide"><table>{head}<tbody>\n{rows}\n</tbody></table></div>'
        yield f'<p class="read">{escape(read)}</p></section>' if read else "</section>"
