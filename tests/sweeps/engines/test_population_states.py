"""Where the members of a population go on from, as their files and the study have it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace as Namespace
from typing import Any, cast

import pytest

from armtune.recipe.schema import Recipe
from armtune.sweeps.engines.population import Population, state_file
from armtune.sweeps.study.lineage import Descent
from armtune.sweeps.workers.trial import CHECKPOINT, METRICS, UNDERWAY, Task, trial_folder

DECIDED = {2: {0: Descent(1, {})}}


def population(run: Path, generations: Mapping[int, Any], recipe: Recipe) -> Population:
    """Two members, compared after epochs 2 and 4."""
    tasks = [Task(k, recipe, trial_folder(run, k), rungs=(2, 4)) for k in range(2)]
    left = iter([*tasks, None])
    search = Namespace(recipe=recipe, folder=run, next=lambda: next(left))
    study = Namespace(
        generations=lambda: generations,
        lineages=dict,
        record=lambda number: Namespace(values={}),
        dimensions=(),
    )
    return Population(cast(Any, search), cast(Any, study))


def starts(members: Population) -> list[Path | None]:
    return [members.config(number)["member"]["start"] for number in range(2)]


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run whose members have trained four epochs."""
    for k in range(2):
        folder = trial_folder(tmp_path, k)
        folder.mkdir(parents=True)
        lines = "".join(f'{{"epoch": {epoch}}}\n' for epoch in range(1, 5))
        (folder / METRICS).write_text(lines)
        for name in (CHECKPOINT, UNDERWAY):
            (folder / name).touch()
    return tmp_path


def left(run: Path) -> list[str]:
    return sorted(path.name for path in run.glob("trials/*/*.safetensors"))


def test_members_go_on_from_states_of_the_last_comparison(run: Path, real_recipe: Recipe) -> None:
    state = state_file(trial_folder(run, 1), 2)
    state.touch()
    state.with_suffix(".jsonl").touch()
    assert starts(population(run, DECIDED, real_recipe)) == [state, state]
    assert (trial_folder(run, 0) / CHECKPOINT).exists()


def test_states_that_are_gone_let_members_begin_anew(run: Path, real_recipe: Recipe) -> None:
    assert starts(population(run, DECIDED, real_recipe)) == [None, None]
    assert left(run) == []


def test_a_checkpoint_beyond_the_first_comparison_is_not_taken_up(
    run: Path, real_recipe: Recipe
) -> None:
    assert starts(population(run, {}, real_recipe)) == [None, None]
    assert left(run) == []


def test_one_before_the_first_comparison_is(run: Path, real_recipe: Recipe) -> None:
    for metrics in run.glob(f"trials/*/{METRICS}"):
        metrics.write_text('{"epoch": 1}\n{"epoch": 2}\n')
    assert starts(population(run, {}, real_recipe)) == [None, None]
    assert left(run) == sorted(2 * [CHECKPOINT, UNDERWAY])


def test_only_states_of_ours_are_removed(run: Path, real_recipe: Recipe) -> None:
    folder = trial_folder(run, 0)
    for name in ("generation-mine.txt", "generation-0002.safetensors", "generation-0002.jsonl"):
        (folder / name).touch()
    population(run, {}, real_recipe).forget(4)
    assert [path.name for path in folder.glob("generation-*")] == ["generation-mine.txt"]
