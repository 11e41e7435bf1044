"""A comparison's tables, files and picture, on figures that can be worked out by hand."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from armtune.comparison.run import Comparison, Outcome
from armtune.comparison.timing import Cost
from armtune.errors import RunError
from armtune.recipe.load import with_overrides
from armtune.recipe.schema import Recipe
from armtune.report import method_comparison as tables
from armtune.report import method_comparison_files as files
from armtune.report.fronts import fronts_picture
from armtune.sweeps import Confirmation, TrialRecord


def measured(accuracy: float, missing: float) -> dict[str, float]:
    return {
        "accuracy": accuracy,
        "unimodal_accuracy/image": 0.9,
        "unimodal_accuracy/audio": 0.5,
        "missing/image": missing,
        "missing/audio": 0.8,
        "contribution_gap": 0.3,
    }


def trial(number: int, state: str, accuracy: float, gap: float) -> TrialRecord:
    metrics = {"accuracy": accuracy, "contribution_gap": gap}
    values = {"training.optimizer.lr": 0.01 * (number + 1)}
    return TrialRecord(number, state, values, metrics, 3, "", 1.0, 2.0)


def outcome(method: str, *accuracies: float, **changes: Any) -> Outcome:
    seeds = [
        Confirmation(1000 + k, measured(a + 0.05, 0.4), measured(a, 0.2 + k / 10))
        for k, a in enumerate(accuracies)
    ]
    records = [trial(0, "COMPLETE", 0.7, 0.1), trial(1, "COMPLETE", 0.8, 0.4)]
    records += [trial(2, "PRUNED", 0.2, 0.2), trial(3, "COMPLETE", 0.6, 0.3)]
    return replace(Outcome(method, "", records, 1, seeds), **changes)


@pytest.fixture
def comparison(make_recipe: Callable[..., Recipe]) -> Comparison:
    recipe = with_overrides(make_recipe(), {"sweep.trials": 4})
    outcomes = [
        outcome("none", 0.70, 0.72, cost=Cost(2.0, 10.0, 2.0, 10.0)),
        outcome("arm", 0.74, 0.74, cost=Cost(3.0, 12.0, 2.0, 10.0), notes=["a <note> | of it"]),
        Outcome("pair", "pair is for two modalities"),
    ]
    return Comparison(recipe, "toy & clouds", "none", outcomes, "armtune compare r.yaml")


def test_the_result_has_a_row_for_each_method(comparison: Comparison) -> None:
    grid = tables.result_grid(comparison, "test")
    assert dict(zip(grid.columns, grid.rows[0], strict=True)) == {
        "method": "none",
        "seeds": "2",
        "accuracy": "71.00 ± 1.41",
        "unimodal image": "90.00 ± 0.00",
        "unimodal audio": "50.00 ± 0.00",
        "one missing": "25.00 ± 7.07",
        "gap": "30.00 ± 0.00",
        "epoch ×": "1.00",
        "training ×": "1.00",
    }
    assert grid.rows[1][-2:] == ("1.50", "1.20")
    assert grid.rows[2] == ("pair", "failed", *["–"] * 7)
    validation = tables.result_grid(comparison, "validation")
    assert validation.rows[0][2] == "76.00 ± 1.41"


def test_seeds_that_failed_are_counted(comparison: Comparison) -> None:
    arm = comparison.outcomes[1]
    lost = replace(arm, seeds=[*arm.seeds, Confirmation(1002, {}, {}, "lost")])
    grid = tables.result_grid(replace(comparison, outcomes=[lost]), "test")
    assert grid.rows[0][1:3] == ("2 of 3", "74.00 ± 0.00")


def test_differences_are_in_points(comparison: Comparison) -> None:
    grid = tables.difference_grid(comparison, "accuracy")
    assert grid.title == "Accuracy on test: points above none"
    # 4 and 2 points: mean 3, error 1, and t(0.975; 1) = 12.706
    assert grid.rows == (("arm", "2", "+3.00", "-9.71 … +15.71", "0.205", "0.205"),)
    sure = outcome("arm", 0.80, 0.82)
    grid = tables.difference_grid(
        replace(comparison, outcomes=[comparison.outcomes[0], sure]), "accuracy"
    )
    assert grid.rows[0][-1] == "< 0.001 *"


def test_one_seed_has_no_interval(comparison: Comparison) -> None:
    outcomes = [outcome("none", 0.7), outcome("arm", 0.8)]
    grid = tables.difference_grid(replace(comparison, outcomes=outcomes), "accuracy")
    assert grid.rows == (("arm", "1", "+10.00", "–", "–", "–"),)


def test_the_budget_is_counted(comparison: Comparison) -> None:
    grid = tables.budget_grid(comparison)
    assert grid.title == "Budget: 4 trials a method"
    assert grid.rows == (
        ("none", "4", "3", "1", "0", "12"),
        ("arm", "4", "3", "1", "0", "12"),
        ("pair", "0", "0", "0", "0", "0"),
    )


def test_the_settings_are_those_that_were_retrained(comparison: Comparison) -> None:
    assert tables.settings_grid(comparison).rows == (
        ("none", "1", "lr=0.02"),
        ("arm", "1", "lr=0.02"),
    )


def test_notes_name_what_failed(comparison: Comparison) -> None:
    assert tables.notes(comparison) == [
        "arm: a <note> | of it",
        "pair failed: pair is for two modalities",
    ]
    lost = replace(comparison, reference="pair")
    assert tables.notes(lost)[-1] == "there are no differences, since pair failed"
    assert not any("points above" in grid.title for grid in tables.grids(lost))


def test_the_csv_has_shares(comparison: Comparison) -> None:
    rows = list(csv.DictReader(io.StringIO(files.table(comparison))))
    assert len(rows) == 3 * 2 * 5
    found = {(r["method"], r["split"], r["metric"]): r for r in rows}
    arm = found["arm", "test", "accuracy"]
    assert float(arm["mean"]) == pytest.approx(0.74)
    assert float(arm["difference"]) == pytest.approx(0.03)
    assert float(arm["p_holm"]) == pytest.approx(float(arm["p"]))
    assert found["none", "test", "accuracy"]["difference"] == ""
    assert found["pair", "validation", "worst_missing"]["mean"] == ""


def test_the_csv_has_losses_and_contributions_where_they_were_measured(
    comparison: Comparison,
) -> None:
    more = {"loss": 0.5, "contribution/image": 0.3, "contribution/audio": 0.1}
    seeds = [
        replace(s, validation={**s.validation, **more}, test={**s.test, **more})
        for s in comparison.outcomes[0].seeds
    ]
    outcomes = [replace(comparison.outcomes[0], seeds=seeds), *comparison.outcomes[1:]]
    text = files.table(replace(comparison, outcomes=outcomes))
    rows = {(r["method"], r["metric"]): r for r in csv.DictReader(io.StringIO(text))}
    assert float(rows["none", "loss"]["mean"]) == 0.5
    assert float(rows["none", "contribution/image"]["mean"]) == pytest.approx(0.3)
    assert rows["arm", "contribution/audio"]["mean"] == ""


def test_six_modalities_stay_readable_in_eighty_columns(
    make_recipe: Callable[..., Recipe],
) -> None:
    names = [f"modality_{k}" for k in range(6)]
    recipe = make_recipe()
    own = {m: recipe.modalities["image"] for m in names}
    metrics = {
        **measured(0.71234, 0.4),
        **{f"unimodal_accuracy/{m}": 0.5 + k / 20 for k, m in enumerate(names)},
    }
    seeds = [Confirmation(1000 + k, metrics, metrics) for k in range(2)]
    outcomes = [outcome(m, seeds=seeds) for m in ("none", "unimodal_distillation")]
    wide = Comparison(recipe.model_copy(update={"modalities": own}), "toy", "none", outcomes)
    grid = tables.result_grid(wide, "test")
    parts = grid.parts(80)
    assert [c for part in parts for c in part.columns[1:]] == list(grid.columns[1:])
    text = "".join(shown(part, 80) for part in parts)
    for cell in {cell for row in grid.rows for cell in row}:
        assert cell in text  # whole, not folded
    assert "unimodal_distillation" in text
    assert grid.parts(300) == [grid]


def shown(grid: tables.Grid, width: int) -> str:
    console = Console(file=io.StringIO(), width=width)
    console.print(grid.rich())
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert all(len(line) <= width for line in text.splitlines())
    return str(text)


def test_json_holds_every_seed(comparison: Comparison) -> None:
    found = json.loads(json.dumps(tables.as_dict(comparison), allow_nan=False))
    assert found["methods"]["arm"]["seeds"]["1001"]["test"]["accuracy"] == 0.74
    assert found["methods"]["arm"]["epoch_ratio"] == 1.5
    assert found["methods"]["pair"]["failure"] == "pair is for two modalities"
    assert found["methods"]["pair"]["epoch_ratio"] is None
    assert found["results"][0]["mean"] == pytest.approx(0.71)


def test_markdown_says_how_it_was_made(comparison: Comparison) -> None:
    text = files.markdown(comparison)
    assert text.startswith(
        "# Balancing methods on toy\n\nData: toy & clouds\n\n    armtune compare "
    )
    for grid in tables.grids(comparison):
        assert f"### {grid.title}\n" in text
    assert "(rule: highest accuracy)" in text
    assert "- pair failed: pair is for two modalities" in text
    assert "![Fronts of all methods](compare.png)" in text


class Page(HTMLParser):
    """Notes tags that were opened and not closed, addresses, and text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.addresses: list[str] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href")]
        if tag not in ("meta", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_page_needs_no_other_file(comparison: Comparison) -> None:
    text = files.page(comparison, b"\x89PNG")
    page = Page(text)
    assert page.open == []
    assert page.addresses == ["data:image/png;base64,iVBORw=="]
    assert "http" not in text
    assert "@import" not in text
    assert "toy & clouds" in page.text
    assert "arm: a <note> | of it" in page.text
    assert "71.00 ± 1.41" in page.text


def test_the_files_are_written(comparison: Comparison, tmp_path: Path) -> None:
    written = files.write_comparison(comparison, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {path.name for path in written}
    assert (tmp_path / "compare.png").read_bytes().startswith(b"\x89PNG")
    (tmp_path / "file").touch()
    with pytest.raises(RunError, match="can't be written"):
        files.write_comparison(comparison, tmp_path / "file")


def test_the_picture_has_each_methods_front_and_its_retrained_setting(
    comparison: Comparison,
) -> None:
    axes = fronts_picture(comparison).axes[0]
    lines = {line.get_label(): line for line in axes.lines if not line.get_label().startswith("_")}
    assert list(lines) == ["none", "arm"]
    # Trial 3 is worse than trial 0 in both, trial 2 was pruned.
    assert lines["none"].get_xydata().tolist() == [[0.1, 0.7], [0.4, 0.8]]
    crosses = [c.lines[0].get_xydata().tolist() for c in axes.containers]
    assert crosses == [[[0.3, pytest.approx(0.76)]], [[0.3, pytest.approx(0.79)]]]


def test_a_picture_of_nothing_can_be_drawn(comparison: Comparison) -> None:
    nothing = replace(comparison, outcomes=comparison.outcomes[2:])
    assert not fronts_picture(nothing).axes[0].lines


def test_a_simpler_model_that_no_method_is_above_is_named(comparison: Comparison) -> None:
    alone = [outcome("alone-image", 0.80, 0.80), outcome("alone-audio", 0.76, 0.70)]
    mean = outcome("mean-of-alone", 0.74, 0.74, records=[], chosen=None)
    told = tables.notes(replace(comparison, outcomes=[*comparison.outcomes, *alone, mean]))
    assert told[-2:] == [
        "no method is above alone-image: it has 80.00 on test, the best method 74.00",
        "no method is above mean-of-alone: it has 74.00 on test, the best method 74.00",
    ]
    worse = [outcome(o.method, 0.5) for o in (*alone, mean)]
    told = tables.notes(replace(comparison, outcomes=[*comparison.outcomes, *worse]))
    assert not any("no method is above" in note for note in told)


def test_the_mean_of_each_alone_had_no_budget(comparison: Comparison) -> None:
    mean = outcome("mean-of-alone", 0.74, records=[], chosen=None)
    grown = replace(comparison, outcomes=[*comparison.outcomes, mean])
    assert [row[0] for row in tables.budget_grid(grown).rows] == ["none", "arm", "pair"]
    assert tables.result_grid(grown, "test").rows[-1][0] == "mean-of-alone"


def test_a_single_seed_has_no_spread() -> None:
    seeds = [Confirmation(k, {"accuracy": 0.5}, {"accuracy": 0.25}) for k in range(2)]
    assert tables._spread_text(Outcome("none", seeds=seeds[:1]), "test", "accuracy") == "25.00"
    assert tables._spread_text(Outcome("none", seeds=seeds), "test", "accuracy") == "25.00 ± 0.00"
