"""The comparison's tables for ``results.md``, with ranks: Friedman's test, Nemenyi's difference.

``just generate`` runs it: it reads ``results/<setting>-<optimizer>.csv``, made by
``benchmarks/comparison.py``, and writes between the page's markers each method's figures on each
setting, its mean ranks and a picture for each metric. A method is ranked if all settings have it.

Sources: Friedman, 1937; Nemenyi, 1963; Demšar, JMLR 7, 2006, whose pictures join by a bar what the
test doesn't tell apart.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from math import inf, sqrt
from pathlib import Path

import numpy as np
from scipy import stats

DOCS = Path(__file__).parent
PAGE, SUMMARIES = DOCS / "results.md", DOCS / "results"
BEGIN, END = "<!-- ranks: made by ranks.py -->", "<!-- end of ranks -->"
METRICS = {"accuracy": 1, "contribution_gap": -1}
"""What is ranked, by its name in the summaries; 1 where more is better, else −1."""
SINGLE, MEAN, ATTENTION = "alone-", "mean-of-alone", ", fusion attention"
"""Mark rows beside the balancing methods: one modality, the mean of these, a transformer fuses."""
HEARTS, NOTHING, FRONT = ("arm", "arm_agreement"), "–", "[front](concepts.md#front)"
FUSED = [f"{method}{ATTENTION}" for method in ("none", "arm")]
LEVEL = 0.05
WIDTH, MARGIN, LINE, BAR = 760, 170, 20, 12
"""Of the picture; a line a method, and a bar a group, high."""


@dataclass(frozen=True)
class Ranking:
    """What comes of ranking methods on each setting.

    Attributes:
        ranks: each method's mean rank, best first; equal ones share their mean.
        settings: how many there were.
        p: Friedman's, that methods so far apart are all alike.
        difference: Nemenyi's critical difference of mean ranks.
    """

    ranks: Mapping[str, float]
    settings: int
    p: float
    difference: float

    @property
    def groups(self) -> list[list[str]]:
        """The largest groups of methods that aren't told apart, best first."""
        names, found = list(self.ranks), list[list[str]]()
        for k, name in enumerate(names):
            near = [n for n in names[k:] if self.ranks[n] - self.ranks[name] <= self.difference]
            if not found or near[-1] not in found[-1]:
                found.append(near)
        return [group for group in found if len(group) > 1]


def critical_difference(methods: int, settings: int) -> float:
    """How far apart two mean ranks must be at the level of 5 %."""
    quantile = stats.studentized_range.ppf(1 - LEVEL, methods, inf) / sqrt(2)
    return float(quantile) * sqrt(methods * (methods + 1) / (6 * settings))


def ranked(values: Sequence[Mapping[str, float]], sign: int) -> Ranking:
    """Ranks the methods that all settings have.

    Args:
        values: each method's value, a setting each.
        sign: 1 where more is better, else −1.
    """
    names = [name for name in values[0] if all(name in own for own in values)]
    matrix = np.array([[sign * own[name] for name in names] for own in values])
    means = stats.rankdata(-matrix, axis=1).mean(0).tolist()
    order = sorted(zip(means, names, strict=True))
    p = stats.friedmanchisquare(*matrix.T).pvalue
    critical = critical_difference(len(names), len(values))
    return Ranking({name: mean for mean, name in order}, len(values), float(p), critical)


def means(path: Path, metric: str) -> dict[str, float]:
    """The mean of a metric on test, of all that a setting has."""
    with path.open(encoding="utf-8", newline="") as file:
        found = [r for r in csv.DictReader(file) if (r["split"], r["metric"]) == ("test", metric)]
    return {row["method"]: float(row["mean"]) for row in found if row["mean"]}


def read(path: Path, metric: str) -> dict[str, float]:
    """Each balancing method's mean of a metric on test."""
    return {
        name: value
        for name, value in means(path, metric).items()
        if not name.startswith((SINGLE, MEAN)) and not name.endswith(ATTENTION)
    }


def beaten(path: Path) -> dict[str, list[str]]:
    """By each method, those with a higher accuracy and a gap no wider, or the other way round."""
    points = read_points(path)
    return {
        name: [
            other
            for other, (accuracy, gap) in points.items()
            if accuracy >= own[0] and gap <= own[1] and (accuracy, gap) != own
        ]
        for name, own in points.items()
    }


def read_points(path: Path) -> dict[str, tuple[float, float]]:
    """Each method's accuracy and gap."""
    accuracies, gaps = (read(path, metric) for metric in METRICS)
    return {name: (accuracy, gaps[name]) for name, accuracy in accuracies.items()}


def rankings() -> dict[str, Ranking]:
    """Of each metric, from the committed summaries."""
    paths = sorted(SUMMARIES.glob("*.csv"))
    return {m: ranked([read(p, m) for p in paths], sign) for m, sign in METRICS.items()}


def drawing(found: Ranking) -> str:
    """The picture: an axis of mean ranks, a line to each method's, bars over groups."""
    last, spread = len(found.ranks), WIDTH - 2 * MARGIN
    x = {n: MARGIN + spread * (rank - 1) / (last - 1) for n, rank in found.ranks.items()}
    top = 40 + BAR * len(found.groups)
    half = (last + 1) // 2
    parts = [_line(MARGIN, 30, WIDTH - MARGIN, 30)]
    for rank in range(1, last + 1):
        at = MARGIN + spread * (rank - 1) / (last - 1)
        parts += [_line(at, 26, at, 30), _text(at, 20, str(rank), "middle")]
    for k, group in enumerate(found.groups):
        y = 38 + BAR * k
        parts.append(_line(x[group[0]] - 3, y, x[group[-1]] + 3, y, 4))
    for k, (name, rank) in enumerate(found.ranks.items()):
        left = k < half
        y = top + LINE * (k + 1 if left else last - k)
        end = MARGIN - 8 if left else WIDTH - MARGIN + 8
        parts += [_line(x[name], 30, x[name], y), _line(x[name], y, end, y)]
        parts.append(_text(end, y + 4, f"{name} {rank:.2f}", "end" if left else "start"))
    height = top + LINE * (half + 1)
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}">'
    style = '<rect width="100%" height="100%" fill="white"/>'
    return "\n".join([head, style, *parts, "</svg>", ""])


def _line(x1: float, y1: float, x2: float, y2: float, width: int = 1) -> str:
    ends = f'x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"'
    return f'<line {ends} stroke="#444" stroke-width="{width}"/>'


def _text(x: float, y: float, words: str, anchor: str) -> str:
    where = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"'
    return f'<text {where} font-family="sans-serif" font-size="12">{escape(words)}</text>'


def table(found: Mapping[str, Ranking]) -> str:
    """Mean ranks of all metrics, and what the tests say."""
    head = ["method", *(f"rank by {metric.replace('_', ' ')}" for metric in found)]
    first = next(iter(found.values()))
    rows = [[name, *(f"{r.ranks[name]:.2f}" for r in found.values())] for name in first.ranks]
    lines = [head, ["---"] * len(head), *rows]
    said = [
        f"- {metric.replace('_', ' ')}: Friedman's p = {r.p:.3f} over {r.settings} settings;"
        f" critical difference {r.difference:.2f} of {len(r.ranks)} ranks"
        for metric, r in found.items()
    ]
    pictures = [f"![Mean ranks by {m.replace('_', ' ')}](results/ranks_{m}.svg)" for m in found]
    return "\n".join([*(f"| {' | '.join(cells)} |" for cells in lines), "", *said, "", *pictures])


def overview(optimizer: str, order: Sequence[str]) -> str:
    """Accuracy and gap of every method on every setting with an optimizer, and what is beside."""
    paths = sorted(SUMMARIES.glob(f"*-{optimizer}.csv"))
    lines = [["method", *(path.stem.removesuffix(f"-{optimizer}") for path in paths)]]
    lines += [["---"] * len(lines[0])]
    lines += [[name, *(cell(path, name) for path in paths)] for name in order]
    beside = {
        "best modality alone": list(map(best_single, paths)),
        "mean of these": [pair(path, MEAN) for path in paths],
        **{name: [pair(path, name) for path in paths] for name in FUSED},
    }
    lines += [[name, *cells] for name, cells in beside.items() if set(cells) != {NOTHING}]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def cell(path: Path, name: str) -> str:
    """A method's figures, bold where no other method is better in both."""
    text = pair(path, name)
    return text if text == NOTHING or beaten(path)[name] else f"**{text}**"


def pair(path: Path, name: str) -> str:
    """Accuracy and gap in per cent."""
    found = [means(path, metric).get(name) for metric in METRICS]
    return " / ".join(f"{100 * v:.1f}" for v in found if v is not None) or NOTHING


def best_single(path: Path) -> str:
    """The most accurate modality alone."""
    single = {n: v for n, v in means(path, "accuracy").items() if n.startswith(SINGLE)}
    best = max(single, key=lambda n: single[n], default=None)
    return f"{100 * single[best]:.1f} ({best.removeprefix(SINGLE)})" if best else NOTHING


def fronts() -> str:
    """Where ARM and its successor are on the front of accuracy and gap, and what beats them."""
    found = {path.stem: beaten(path) for path in sorted(SUMMARIES.glob("*.csv"))}
    each = [
        front_of(name, {setting: of[name] for setting, of in found.items() if name in of})
        for name in HEARTS
    ]
    either = [of for of in found.values() if any(of.get(name) == [] for name in HEARTS)]
    return "\n\n".join([*each, f"One of the two is in {len(either)} of {len(found)}."])


def front_of(name: str, found: Mapping[str, Sequence[str]]) -> str:
    """The settings where a method is on the front, and what beats it in the others."""
    on = [setting for setting, better in found.items() if not better]
    where = f" ({', '.join(on)})" if on else ""
    said = (
        f"`{name}` is on the {FRONT} of all methods in {len(on)} of {len(found)} settings{where}."
    )
    off = {setting: better for setting, better in found.items() if better}
    lines = [f"- {setting}: beaten in both by {', '.join(b)}" for setting, b in off.items()]
    return "\n".join([said, *([""] if lines else []), *lines])


def content() -> str:
    """All that stands between the page's markers."""
    found = rankings()
    order = list(next(iter(found.values())).ranks)
    names = sorted({path.stem.rpartition("-")[2] for path in SUMMARIES.glob("*.csv")})
    parts = [f"With `{name}`:\n\n{overview(name, order)}" for name in names]
    return "\n\n".join([*parts, fronts(), table(found)])


def page(text: str) -> str:
    """The page with a new table between its markers."""
    before, _, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not end:
        raise SystemExit(f"{PAGE.name}: one of the two markers is missing")
    return f"{before}{BEGIN}\n\n{content()}\n\n{END}{after}"


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    for metric, found in rankings().items():
        (SUMMARIES / f"ranks_{metric}.svg").write_text(drawing(found), encoding="utf-8")
