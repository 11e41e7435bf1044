"""A comparison's report in files: Markdown, CSV, a picture, and a page that opens offline."""

from __future__ import annotations

import base64
import csv
import io
import math
from html import escape
from pathlib import Path

from armtune.comparison.run import Comparison
from armtune.files import write_bytes, write_text, writing_to
from armtune.report.fronts import fronts_picture
from armtune.report.method_comparison import grids, notes, rows_of
from armtune.report.plots import png
from armtune.text.escapes import csv_cell

NAME = "compare"
"""Name of the files, before their endings."""

_EQUAL = (
    "Each method had the same number of trials, over the same ranges of all that isn't its own, "
    "with the same data, encoders, sampler, pruner, objectives and constraints. One of its trials "
    "was picked on validation (rule: {rule}) and re-trained with seeds that are the same for all "
    "methods. Test was read for these re-trainings only."
)
_TERMS = {
    "one missing": "lowest {score} with one modality missing",
    "gap": "largest contribution of a modality to the {score} minus the smallest",
    "epoch ×, training ×": (
        "time over that of the same setting without balancing, both trained in one process, an "
        "epoch each in turn: of the median epoch with its validation, and of the whole training "
        "with what the method does before its first epoch"
    ),
    "95 % interval, p": (
        "of the differences between models of the same {one}, by Student's t-distribution"
    ),
    "p by Holm": "p corrected for the number of methods in the table; * where it is below 0.05",
}
_STYLE = """\
body { font: 15px/1.5 system-ui, sans-serif; max-width: 75rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .2rem .7rem; text-align: right; border-bottom: 1px solid #ddd; }
.left { text-align: left; }
.wide { overflow-x: auto; }
.note { color: #8a4b00; }
img { max-width: 100%; }
pre { white-space: pre-wrap; }
"""


def write_comparison(comparison: Comparison, folder: Path) -> list[Path]:
    """Writes the report in every form into a folder; returns the files."""
    picture, *_ = png(fronts_picture(comparison))
    texts = {
        "md": markdown(comparison),
        "csv": table(comparison),
        "html": page(comparison, picture),
    }
    for ending, text in texts.items():
        write_text(folder / f"{NAME}.{ending}", text)
    write_bytes(folder / f"{NAME}.png", picture)
    return [folder / f"{NAME}.{ending}" for ending in (*texts, "png")]


def write_page(comparison: Comparison, path: Path) -> Path:
    """Writes the page alone; returns where it is."""
    picture, *_ = png(fronts_picture(comparison))
    with writing_to(path) as place:
        text = page(comparison, picture)
        place.write_text(text, encoding="utf-8", errors="backslashreplace")
    return path


def markdown(comparison: Comparison) -> str:
    """The report as Markdown; the picture is a file beside it."""
    parts = [
        f"# {_title(comparison)}",
        f"Data: {comparison.data}",
        f"    {comparison.command}" if comparison.command else "",
        _equal(comparison),
        "\n".join(f"- **{term}**: {meaning}" for term, meaning in _terms(comparison).items()),
        "\n".join(f"- {note}" for note in notes(comparison)),
        *(grid.markdown().rstrip() for grid in grids(comparison)),
        f"### Fronts\n\n![Fronts of all methods]({NAME}.png)",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _equal(comparison: Comparison) -> str:
    """What is equal for all methods."""
    said = _EQUAL.format(rule=comparison.recipe.sweep.choose)
    if comparison.over == "cuts":
        said += (
            " All this was done on several cuts of the data; figures are means over a cut's seeds."
        )
    return said


def _terms(comparison: Comparison) -> dict[str, str]:
    score = comparison.score.replace("_", " ")
    one = comparison.over.removesuffix("s")
    return {term: meaning.format(score=score, one=one) for term, meaning in _TERMS.items()}


def table(comparison: Comparison) -> str:
    """The report as CSV: a row for each method, split and metric; empty for no figure."""
    rows = list(rows_of(comparison))
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    for row in rows:
        cells = {name: "" if _is_nan(value) else csv_cell(value) for name, value in row.items()}
        writer.writerow(cells)
    return text.getvalue()


def page(comparison: Comparison, picture: bytes) -> str:
    """The report as one HTML page that needs no other file.

    Args:
        picture: the fronts as PNG.
    """
    title = escape(_title(comparison))
    image = base64.b64encode(picture).decode()
    known = _terms(comparison).items()
    terms = (f"<li><b>{escape(t)}</b>: {escape(meaning)}</li>" for t, meaning in known)
    body = [
        f"<h1>{title}</h1><p>Data: {escape(comparison.data)}</p>",
        f"<pre>{escape(comparison.command)}</pre>" if comparison.command else "",
        f"<p>{escape(_equal(comparison))}</p>",
        f"<ul>{''.join(terms)}</ul>",
        *(f'<p class="note">{escape(note)}</p>' for note in notes(comparison)),
        f'<h2>Fronts</h2><img alt="Fronts of all methods" src="data:image/png;base64,{image}">',
        *(grid.html() for grid in grids(comparison)),
    ]
    head = f'<meta charset="utf-8"><title>{title}</title><style>{_STYLE}</style>'
    content = "\n".join(part for part in body if part)
    return (
        f'<!doctype html>\n<html lang="en"><head>{head}</head>\n<body>\n{content}\n</body></html>\n'
    )


def _title(comparison: Comparison) -> str:
    return f"Balancing methods on {comparison.recipe.name}"


def _is_nan(value: object) -> bool:
    return isinstance(value, float) and math.isnan(value)
