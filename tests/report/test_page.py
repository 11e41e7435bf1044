"""``report.html``: complete, self-contained, small, and safe with any text in it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from armtune.report import figures
from armtune.report.glossary import WORDS, explained
from armtune.report.headline import Tile
from armtune.report.page import page, write_report
from armtune.report.reading import ALONE, BY_BEGINNING, CURVES, READ, reading
from armtune.report.run import RunReport
from armtune.report.winner_marks import mark_curve
from armtune.sweeps.study.records import TrialRecord

Make = Callable[..., RunReport]


@pytest.fixture
def records(script: Any) -> list[TrialRecord]:
    ended = [script.record(n, "COMPLETE", 3) for n in range(10)]
    pruned = script.record(10, "PRUNED", 2, reason="stopped at the rung of epoch 2")
    failed = script.record(11, "FAIL", 1, reason="</script><b>diverged")
    return [*ended, pruned, failed, script.record(12, epoch=1)]


def plotted(text: str) -> list[dict[str, Any]]:
    found = re.findall(r'<script type="application/json">(.*?)</script>', text, re.DOTALL)
    return [json.loads(figure) for figure in found]


def test_a_page_has_every_figure_and_table(make: Make, records: list[TrialRecord]) -> None:
    text = page([make(records)])
    titles = re.findall(r"<h2>(.*?)</h2>", text)
    for title in (
        "Front", "Contribution of each modality", "Which hyperparameters matter",
        "History of accuracy", "Values and accuracy", "History of contribution gap",
        "When trials ran", "Trials", "Recipe",
    ):  # fmt: skip
        assert title in titles, title
    assert len(plotted(text)) == titles.index("When trials ran") + 1
    assert "Trial 0 chosen" in text


def test_it_needs_nothing_from_elsewhere_and_is_small(
    make: Make, records: list[TrialRecord]
) -> None:
    text = page([make(records)])
    own = text.replace(re.findall(r"<script>(.*?)</script>", text, re.DOTALL)[0], "")
    assert not re.search(r"(src|href)\s*=", own)
    assert len(text) < 15e6


def test_a_page_explains_its_words_once(make: Make, records: list[TrialRecord]) -> None:
    text = page([make(records, "one"), make(records, "two")])
    explained = re.findall(r"<dt>(.*?)</dt>", text)
    assert explained == list(WORDS)
    assert text.index("at the end of the page") < text.index("<dt>")
    assert {"gap", "rung"} <= set(explained)


def test_no_text_can_break_out_of_its_place(make: Make, records: list[TrialRecord]) -> None:
    text = page([make(records)])
    assert "toy &lt;clouds&gt;" in text
    assert "trial 11 failed: &lt;/script&gt;&lt;b&gt;diverged" in text
    assert "</script><b>" not in text


@pytest.mark.parametrize("count", [0, 1])
def test_a_run_that_has_hardly_begun_has_a_page(
    make: Make, records: list[TrialRecord], count: int
) -> None:
    text = page([make(records[12:][:count], confirmed={}, chosen=None)])
    assert "When trials ran" in text
    assert text.index('<p class="verdict">Nothing was tested so far') < text.index(
        "What to do next"
    )


def test_a_run_whose_trials_all_failed_has_no_empty_figures(make: Make, script: Any) -> None:
    records = [script.record(n, "FAIL", 0, reason="no memory") for n in range(2)]
    text = page([make(records, confirmed={}, chosen=None, front=[])])
    titles = re.findall(r"<h2>(.*?)</h2>", text)
    assert "When trials ran" in titles
    assert not {"Front", "Contribution of each modality"} & set(titles)
    assert "No trial was trained to its full length, so none could be chosen." in text


def test_several_runs_are_compared(make: Make, records: list[TrialRecord], script: Any) -> None:
    other = script.recipe(trials=99)
    text = page([make(records), make(records[:4], "other", recipe=other)])
    assert text.count("<h2>Fronts</h2>") == 1
    assert "<h2>Chosen trials</h2>" in text
    assert '<td class="left">sweep.trials</td><td>8</td><td>99</td>' in text
    names = [trace["name"] for trace in plotted(text)[0]["data"]]
    assert sum("chosen: trial 0" in name for name in names) == 2


def test_the_front_has_bars_of_the_confirmed_and_a_star(
    make: Make, records: list[TrialRecord]
) -> None:
    traces = {trace.name: trace for trace in figures.front([make(records)]).data}
    confirmed = traces["confirmed: mean ± std"]
    assert confirmed.y == pytest.approx((0.82,))
    assert confirmed.error_y.array == pytest.approx((0.02,))
    assert traces["chosen: trial 0"].marker.symbol == "star"
    assert len(traces["front (2)"].x) == 2


def test_trials_that_ran_at_once_lie_one_above_the_other(make: Make, script: Any) -> None:
    spans = [(0.0, 10.0), (2.0, 5.0), (6.0, 8.0), (11.0, 12.0)]
    records = [
        script.record(n, "COMPLETE", 3, started=1000 + start, ended=1000 + end)
        for n, (start, end) in enumerate(spans)
    ]
    (bars,) = [bars for bars in figures.timeline(make(records)).data if len(bars.y)]
    assert list(bars.y) == [0, 1, 1, 0]
    assert list(bars.x) == [10_000, 3_000, 2_000, 1_000]


def test_curves_show_rungs_and_every_epoch(make: Make, records: list[TrialRecord]) -> None:
    curve = [{"epoch": 1.0, "accuracy": 0.2}, {"epoch": 2.0, "accuracy": 0.5}]
    drawing = figures.learning(make(records), {0: curve, 10: curve[:1]}, "accuracy")
    lines = {trace.name: trace for trace in drawing.data}
    assert lines["complete (1)"].y == (0.2, 0.5, None)
    assert lines["pruned (1)"].x == (1.0, None)


@pytest.mark.parametrize(
    ("later", "low", "high"),
    [((0.90, 0.94), 0.898, 0.942), ((0.9, 0.9), 0.855, 0.945), ((0.0, 0.0), -1.0, 1.0)],
)
def test_the_first_epoch_squashes_no_curve(
    make: Make, records: list[TrialRecord], later: tuple[float, float], low: float, high: float
) -> None:
    def curve(*values: float) -> list[dict[str, float]]:
        return [{"epoch": float(n), "accuracy": v} for n, v in enumerate(values, 1)]

    found = {0: curve(0.1, *later), 1: curve(50.0, *later), 10: curve(0.2)}
    drawing = figures.learning(make(records), found, "accuracy")
    assert drawing.layout.yaxis.range == pytest.approx((low, high))
    only_one = figures.learning(make(records), {10: curve(0.2)}, "accuracy")
    assert only_one.layout.yaxis.range is None


TILES = (Tile("accuracy on test", "81.0 % ± 3.0", "trial 0"), Tile("gap on test", "0.300", "<b>"))


def test_it_begins_with_the_verdict_its_figures_and_what_to_do(
    make: Make, records: list[TrialRecord]
) -> None:
    verdict = ("On test the winner has 81 %.", "Warning: a simpler model is as good.")
    report = make(records, verdict=verdict, tiles=TILES)
    text = page([report]).partition("<script>")[0]
    places = [
        text.index(part)
        for part in (verdict[0], "81.0 % ± 3.0", "0.300", verdict[1], "What to do next", "Front")
    ]
    assert places == sorted(places)
    assert "<small>&lt;b&gt;</small>" in text
    assert f"<code>armtune board {report.folder}</code>" in text
    assert f"<code>armtune export {report.folder} --to model --trial 0</code>" in text


def test_every_figure_says_what_to_read_from_it(make: Make, records: list[TrialRecord]) -> None:
    text = page([make(records)])
    said = re.findall(r'<p class="read">(.*?)</p>', text)
    assert len(said) == len(plotted(text))
    assert all(len(words) > 40 for words in said)
    titles = [*READ, *(f"{start}x" for start in BY_BEGINNING)]
    assert len({reading(title) for title in titles}) == len(titles)
    assert reading("accuracy by epoch") == CURVES


def test_the_winner_is_marked(make: Make, records: list[TrialRecord]) -> None:
    curve = [{"epoch": 1.0, "accuracy": 0.2}, {"epoch": 2.0, "accuracy": 0.5}]
    report = make(records)
    drawing = figures.learning(report, {0: curve}, "accuracy")
    mark_curve(drawing, report, curve, "accuracy")
    assert drawing.data[-1].name == "★ chosen: trial 0"
    assert drawing.data[-1].y == (0.2, 0.5)
    text = page([report])
    titles = re.findall(r"<h2>(.*?)</h2>", text)
    drawn = dict(zip(titles, plotted(text), strict=False))
    for title in ("Contribution of each modality", "History of accuracy"):
        assert [shape["x0"] for shape in drawn[title]["layout"]["shapes"]] == [0]
    stars = [t for t in drawn["Each value against accuracy"]["data"] if t["name"] == "★ 0"]
    assert [star["x"] for star in stars] == [[0.01]]
    nobody = make(records, chosen=None)
    assert "★" not in "".join(json.dumps(figure) for figure in plotted(page([nobody])))


def test_it_shows_what_the_winner_takes_for_what(make: Make, records: list[TrialRecord]) -> None:
    outcomes = {
        "counts": [[8, 10, 9], [0, 0, 3]],
        "confusion": [[8, 1], [2, 1]],
        "calibration": [[5, 0.6, 0.4], [7, 0.9, 1.0]],
    }
    judged = {"target": {"names": ["<cat>", "dog"]}, "outcomes": outcomes}
    text = page([make(records, judged=judged)])
    titles = re.findall(r"<h2>(.*?)</h2>", text)
    drawn = dict(zip(titles, plotted(text), strict=False))
    cells = drawn["What the winner takes for what"]["data"][0]
    assert cells["z"][0] == pytest.approx([8 / 9, 1 / 9])
    assert cells["x"] == cells["y"] == ["&lt;cat>", "dog"]  # plotly takes tags for such
    assert drawn["How right it is when it is sure"]["data"][1]["x"] == [0.6, 0.9]
    row = "<td>0.8000</td><td>0.8889</td><td>0.8421</td><td>9</td>"
    assert f'<td class="left">&lt;cat&gt;</td>{row}' in text
    assert '<td class="left">dog</td><td>–</td><td>0.0000</td><td>0.0000</td><td>3</td>' in text


def test_labels_have_their_precision_and_recall(make: Make, records: list[TrialRecord]) -> None:
    outcomes = {"counts": [[2, 4, 10], [3, 3, 20]], "calibration": []}
    text = page([make(records, judged={"target": {"names": ["a", "b"]}, "outcomes": outcomes})])
    drawn = dict(zip(re.findall(r"<h2>(.*?)</h2>", text), plotted(text), strict=False))
    found = drawn["How often each label is right, and found"]["data"]
    assert [trace["x"] for trace in found] == [[0.5, 1.0], [0.2, 0.15]]
    assert "often missed. The most frequent labels stand above. On validation samples." in text


def test_it_shows_how_far_off_values_are(make: Make, records: list[TrialRecord]) -> None:
    points = [[[1.0, 3.0], [2.0, 3.0]]]
    outcomes = {"split": "test", "spreads": [[0.5, 0.5, 0.5, 1.0]], "points": points}
    text = page([make(records, judged={"target": {"names": ["<y>"]}, "outcomes": outcomes})])
    drawn = dict(zip(re.findall(r"<h2>(.*?)</h2>", text), plotted(text), strict=False))
    assert drawn["What it predicts and what is true"]["data"][1]["y"] == [2.0, 3.0]
    assert drawn["How far off it is"]["data"][0]["x"] == [1.0, 0.0]
    row = "<td>&lt;y&gt;</td><td>0.5</td><td>0.5</td><td>0.5</td><td>1</td>"
    assert row in text.partition("Predicted less true, on test")[2]
    assert "a long tail a few samples that are far off. On test samples." in text


def test_it_shows_what_one_modality_alone_gets_right(
    make: Make, records: list[TrialRecord]
) -> None:
    outcomes = {"counts": [], "calibration": [], "alone": {"image": [5, 4, 3, 2]}}
    text = page([make(records, judged={"target": {"names": []}, "outcomes": outcomes})])
    section = text.partition("With all modalities and with one alone, on validation")[2]
    section = section.partition("</section>")[0]
    cells = "".join(f"<td>{n}</td>" for n in ("image", 14, 5, 4, 3, 2))
    assert cells in section
    assert f'<p class="read">{ALONE}</p>' in section


def test_it_is_for_dark_and_small_screens_and_for_paper(
    make: Make, records: list[TrialRecord]
) -> None:
    style = re.findall(r"<style>(.*?)</style>", page([make(records)]), re.DOTALL)[0]
    for media in ("prefers-color-scheme: dark", "max-width: 60rem", "print"):
        assert media in style
    assert "max-height: none" in style.partition("@media print")[2]


def test_it_is_written_whole(make: Make, records: list[TrialRecord], tmp_path: Path) -> None:
    write_report([make(records)], tmp_path / "new" / "report.html")
    assert [file.name for file in (tmp_path / "new").iterdir()] == ["report.html"]


def test_the_first_use_of_a_word_in_each_section_is_explained(
    make: Make, records: list[TrialRecord]
) -> None:
    report = make(records, verdict=("Its gap: the gap, of one front.",), notes=("a head's rungs",))
    text = page([report])
    meanings = dict(re.findall(r'<dd id="word-(.*?)">(.*?)</dd>', text))
    assert {"gap", "contribution", "head", "rung", "nats", "front"} <= meanings.keys()
    top, *sections = re.sub(r"<script.*?</script>", "", text, flags=re.DOTALL).split("<section>")
    told = re.findall(r'<span class="word" tabindex="0" aria-describedby="word-(.*?)">(.*?)<', top)
    assert told == [("gap", "gap"), ("front", "front"), ("head", "head"), ("rung", "rungs")]
    for section in sections[:-1]:
        used = re.findall('aria-describedby="word-(.*?)"', section)
        assert len(used) == len(set(used))
        assert set(used) <= meanings.keys()


@pytest.mark.parametrize(
    ("html", "marked"),
    [
        ("<p>contribution_gap, gap/x, x.gap, gap.x, the-gap, gaps-x</p>", []),
        ("<td>gap</td><code>head</code><h2>Front</h2><pre>rung</pre>", []),
        ("<p>A Gap, gap.</p><th>nats gained</th>", ["Gap", "nats"]),
        ('<b title="gap">heads</b> <script>"front"</script>re-training', ["heads", "re-training"]),
    ],
)  # fmt: skip
def test_names_and_users_words_are_left_alone(html: str, marked: list[str]) -> None:
    text = explained(html)
    assert re.findall(r'<span class="word".*?>(.*?)</span>', text) == marked
    assert re.sub(r"</?span.*?>", "", text) == html


def test_a_figure_has_no_tag(make: Make, records: list[TrialRecord]) -> None:
    odd = "<section><b>gap</section>"
    text = page([make([*records, replace(records[0], number=99, values={"x": odd})])])
    assert odd not in text
    assert all("<" not in s for s in re.findall(r'"application/json">(.*?)</script', text, re.S))
