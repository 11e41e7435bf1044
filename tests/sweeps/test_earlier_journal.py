"""A journal that is put back to an earlier state, under a folder that knows more."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fake_training import CALM, FakeWorkshop, fake_recipe

from armtune.errors import RunError
from armtune.recipe.schema import Recipe
from armtune.sweeps import SweepResult
from armtune.sweeps.run import Place, run_sweep
from armtune.sweeps.study.confirm import check_model
from armtune.sweeps.study.estimate import PLAN
from armtune.sweeps.study.folder import RECIPE
from armtune.sweeps.study.journal import JOURNAL
from armtune.sweeps.workers.pack import DISCARDED
from armtune.sweeps.workers.trial import MODEL, TrainingFactory


def run(folder: Path, recipe: Recipe, factory: TrainingFactory | None = None) -> SweepResult:
    place = Place(folder, folder.parent, resume=True, inline=True)
    return run_sweep(recipe, place, (), factory or FakeWorkshop())


def outcome(result: SweepResult) -> Any:
    trials = [(r.state, r.values, r.metrics) for r in result.records]
    return trials, result.front, result.chosen, result.confirmed


def restore(folder: Path, other: Path, lines: int) -> None:
    """Lets a folder have another one's journal, up to a line, and that one's recipe."""
    (folder / RECIPE).write_bytes((other / RECIPE).read_bytes())
    kept = (other / JOURNAL).read_bytes().splitlines(keepends=True)[:lines]
    (folder / JOURNAL).write_bytes(b"".join(kept))


@pytest.mark.parametrize("share", [0.1, 0.3, 0.6, 0.9])
@pytest.mark.parametrize("size", [1, 3])
def test_no_trial_takes_another_ones_checkpoint_up(tmp_path: Path, share: float, size: int) -> None:
    confirm = {"top": 1, "seeds": 2, "solo": False}
    common = {"sweep__space": CALM, "sweep__pack": size, "sweep__confirm": confirm}
    first, second = (fake_recipe(sweep__seed=seed, **common) for seed in (0, 1))
    undisturbed = run(tmp_path / "undisturbed", second)
    run(tmp_path / "run", first)
    lines = len((tmp_path / "undisturbed" / JOURNAL).read_bytes().splitlines())
    restore(tmp_path / "run", tmp_path / "undisturbed", int(share * lines))
    result = run(tmp_path / "run", second)
    assert outcome(result) == outcome(undisturbed)
    put_aside = sorted((tmp_path / "run" / "trials").glob(f"*/{DISCARDED}"))
    assert result.notes == [
        f"trial {int(path.parent.name)}: a checkpoint was put aside, it is of other settings"
        for path in put_aside
    ]
    assert put_aside


def test_real_trainings_come_out_as_undisturbed(real_recipe: Recipe, tmp_path: Path) -> None:
    from armtune.recipe.load import with_overrides

    changes = {"sweep.trials": 2, "sweep.confirm": None, "sweep.pruner": {"name": "none"}}
    first, second = (with_overrides(real_recipe, {**changes, "sweep.seed": s}) for s in (0, 1))
    undisturbed = run(tmp_path / "undisturbed", second, TrainingFactory(tmp_path))
    run(tmp_path / "run", first, TrainingFactory(tmp_path))
    restore(tmp_path / "run", tmp_path / "undisturbed", 12)
    result = run(tmp_path / "run", second, TrainingFactory(tmp_path))
    assert outcome(result) == outcome(undisturbed)


def test_one_that_goes_on_as_before_takes_its_checkpoints_up(tmp_path: Path) -> None:
    recipe = fake_recipe(sweep__space=CALM)
    before = run(tmp_path / "run", recipe)
    lines = len((tmp_path / "run" / JOURNAL).read_bytes().splitlines())
    restore(tmp_path / "run", tmp_path / "run", lines // 2)
    after = run(tmp_path / "run", recipe)
    assert outcome(after) == outcome(before)
    assert not list((tmp_path / "run").glob(f"trials/*/{DISCARDED}"))


CONFIRM = {"top": 1, "seeds": 2, "solo": False}


def models(folder: Path) -> list[Path]:
    return sorted(folder.glob(f"confirm/*/{MODEL}"))


def removed(folder: Path) -> None:
    shutil.rmtree(folder / "confirm")


def one_removed(folder: Path) -> None:
    models(folder)[0].unlink()


def damaged(folder: Path) -> None:
    models(folder)[0].write_text("model of epoch 1")


@pytest.mark.parametrize("spoil", [removed, one_removed, damaged])
def test_a_model_that_is_lost_is_trained_again(
    tmp_path: Path, spoil: Callable[[Path], None]
) -> None:
    recipe = fake_recipe(sweep__space=CALM, sweep__confirm=CONFIRM)
    before = run(tmp_path / "run", recipe)
    written = {path: path.read_bytes() for path in models(tmp_path / "run")}
    spoil(tmp_path / "run")
    after = run(tmp_path / "run", recipe)
    assert outcome(after) == outcome(before)
    assert {path: path.read_bytes() for path in models(tmp_path / "run")} == written


def test_a_model_that_is_there_is_not(tmp_path: Path) -> None:
    recipe = fake_recipe(sweep__space=CALM, sweep__confirm=CONFIRM)
    run(tmp_path / "run", recipe)
    times = [path.stat().st_mtime_ns for path in models(tmp_path / "run")]
    run(tmp_path / "run", recipe)
    assert [path.stat().st_mtime_ns for path in models(tmp_path / "run")] == times


@pytest.mark.parametrize(("spoil", "word"), [(removed, "missing"), (damaged, "damaged")])
def test_an_export_names_a_model_that_is_lost(
    tmp_path: Path, spoil: Callable[[Path], None], word: str
) -> None:
    result = run(tmp_path / "run", fake_recipe(sweep__space=CALM, sweep__confirm=CONFIRM))
    [(number, [first, _])] = result.confirmed.items()
    spoil(tmp_path / "run")
    with pytest.raises(RunError, match=rf"-1000/model\.safetensors: {word}; .*--resume"):
        check_model(tmp_path / "run", number, first)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"settings": 3}', "nonsense"])
def test_an_estimate_that_is_damaged_ends_no_resumption(tmp_path: Path, content: str) -> None:
    recipe = fake_recipe(sweep__space=CALM)
    before = run(tmp_path / "run", recipe)
    (tmp_path / "run" / PLAN).write_text(content)
    after = run(tmp_path / "run", recipe)
    assert outcome(after) == outcome(before)
    assert [note for note in after.notes if "plan.json: damaged" in note]
