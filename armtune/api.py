"""What ``import armtune`` gives to Python: sweeps, their results as tables, recipes, predictors."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from armtune.bundle import load_bundle as load_bundle
from armtune.errors import Fault, RecipeError
from armtune.files import absolute
from armtune.recipe import load
from armtune.recipe.schema import add_file
from armtune.recipe.space import load_sweep, placed
from armtune.report.run import RunReport
from armtune.sweeps import Listener, TrialRecord, read_result
from armtune.sweeps import sweep as run_sweep
from armtune.sweeps.study.folder import BEST

if TYPE_CHECKING:
    import pandas as pd

    from armtune.recipe.schema import Recipe

Name = str | PathLike[str]
Overrides = Mapping[str, Any]
"""Dotted path → value, in which ``*`` stands for every modality."""


@dataclass(frozen=True)
class Result:
    """A run's folder as tables.

    Attributes:
        folder: the run's folder.
        report: all that is known of the run.
        notes: sentences one should see, such as that no trial meets the constraints.
    """

    folder: Path
    report: RunReport
    notes: tuple[str, ...] = ()

    @cached_property
    def trials(self) -> pd.DataFrame:
        """A row for each trial: state, epochs, reason, the values tried, and its metrics.

        Metrics are those of the best epoch, on validation. What a trial didn't draw or measure is
        missing.
        """
        import pandas as pd

        rows = [_row(record) for record in self.report.records]
        return pd.DataFrame(rows).set_index("trial") if rows else pd.DataFrame()

    @property
    def front(self) -> pd.DataFrame:
        """The trials that no other beats in every objective, rows of ``trials``."""
        return self.trials.loc[self.report.front]

    @cached_property
    def confirmed(self) -> pd.DataFrame:
        """A row for each re-training, by trial and number: metrics, on test as ``test/<name>``."""
        import pandas as pd

        seeds = self.report.confirmed.items()
        rows = {(trial, k): dict(m) for trial, found in seeds for k, m in enumerate(found)}
        index = pd.MultiIndex.from_tuples(list(rows), names=["trial", "number"]) if rows else None
        return pd.DataFrame(list(rows.values()), index=index)

    @property
    def chosen(self) -> int | None:
        """Number of the trial that the recipe's ``choose`` picks; None when none qualifies."""
        return self.report.chosen

    @property
    def best(self) -> Path | None:
        """Folder of the exported winner, for ``load_bundle``; None when there is none."""
        folder = self.folder / BEST
        return folder if folder.is_dir() else None


def sweep(
    recipe: Name,
    overrides: Overrides | None = None,
    *,
    to: Name | None = None,
    resume: bool = False,
    inline: bool = False,
    address: str | None = None,
    listeners: Sequence[Listener] = (),
) -> Result:
    """Searches a recipe's space, confirms the best, exports the winner and writes the report.

    Args:
        recipe: the recipe's file.
        overrides: changes to it, such as ``{"sweep.trials": 8}``.
        to: the run's folder; None for ``runs/<name>``.
        resume: go on with what the folder holds.
        inline: train in this process, one trial after the other, without Ray.
        address: address of a running Ray cluster; None starts Ray on this machine.
        listeners: told about everything, beside TensorBoard's event files.

    Raises:
        RecipeError: the recipe is wrong; holds every fault.
        DataError: the data can't be read.
        RunError: the folder can't be used, or every trial failed.
    """
    path, changes = Path(recipe), _texts(overrides)
    loaded, _ = load_sweep(path, changes)
    folder = Path("runs") / loaded.name if to is None else Path(to)
    with placed(path, changes):
        return sweep_and_export(
            loaded,
            path.parent,
            folder,
            listeners,
            resume=resume,
            inline=inline,
            address=address,
        )


def sweep_and_export(
    recipe: Recipe,
    recipe_folder: Path,
    folder: Path,
    listeners: Sequence[Listener] = (),
    *,
    resume: bool = False,
    inline: bool = False,
    address: str | None = None,
) -> Result:
    """As ``sweep``, for a recipe that was read already; ``recipe_folder`` is where it was."""
    from armtune.bundle.target import check_target
    from armtune.report.tensorboard import TensorBoardListener

    check_target(folder / BEST)
    found = run_sweep(
        recipe,
        folder,
        recipe_folder,
        listeners=[*listeners, TensorBoardListener()],
        resume=resume,
        inline=inline,
        address=address,
    )
    # Slow to import: no sweep waits for it.
    from armtune.report.page import REPORT, write_report

    if found.chosen is not None:
        from armtune.export.from_run import export_winner

        export_winner(folder, folder / BEST)
    result = load_run(folder)
    write_report([result.report], folder / REPORT)
    return result


def load_run(folder: Name) -> Result:
    """Reads a run's folder, whether its sweep has ended or not.

    Raises:
        RunError: the folder holds no sweep, or a damaged one.
    """
    path = Path(folder)
    report = RunReport.read(path)
    return Result(path, report, tuple(read_result(path).notes))


def load_recipe(path: Name, overrides: Overrides | None = None) -> Recipe:
    """Reads and checks a recipe, and runs the files that it names under ``plugins``.

    Raises:
        RecipeError: holds every fault.
    """
    return load.load_recipe(Path(path), _texts(overrides))


def load_plugins(path: Name) -> None:
    """Runs a Python file of one's own, so that recipes and bundles can use its plug-ins.

    A recipe that names the file does so by itself; bundles and the folders of runs never do. A
    file in a bundle is compared with its checksum first.

    Raises:
        RecipeError: it can't be run, defines no plug-in, or one whose name is taken.
        RunError: it lies in a bundle, and isn't as it was written.
    """
    from armtune.bundle.manifest import check_beside

    file = absolute(Path(path))
    check_beside(file)
    try:
        add_file(file)
    except ValueError as error:
        raise RecipeError([Fault(str(error))]) from error


def _texts(overrides: Overrides | None) -> list[str]:
    # JSON is YAML, which is what the command line's overrides are read as.
    return [f"{path}={json.dumps(value)}" for path, value in (overrides or {}).items()]


def _row(record: TrialRecord) -> dict[str, Any]:
    about = {"trial": record.number, "state": record.state, "epochs": record.epoch}
    metrics = {("best_epoch" if k == "epoch" else k): v for k, v in record.metrics.items()}
    return {**about, "reason": record.reason, **record.values, **metrics}
