"""What ``import armtune`` gives to Python: sweeps, their results as tables, recipes, predictors."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from html import escape
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from armtune.bundle import load_bundle as load_bundle
from armtune.bundle import predict as predict
from armtune.errors import Fault, RecipeError, as_passed, in_python
from armtune.files import absolute
from armtune.recipe import load
from armtune.recipe.given import NAME, Given, RecipeSource, plain
from armtune.recipe.overrides import COMMAND_LINE
from armtune.recipe.schema import Recipe, add_file
from armtune.recipe.space import load_sweep, placed
from armtune.report.notebook import shown_in_notebook
from armtune.report.run import RunReport
from armtune.report.tables import STATE_WORDS, confirmed_grid, front_grid
from armtune.sweeps import Listener, TrialRecord, read_result
from armtune.sweeps import sweep as run_sweep
from armtune.sweeps.study.folder import BEST

if TYPE_CHECKING:
    import pandas as pd

    from armtune.comparison.run import Comparison
    from armtune.recipe.schema import Recipe

Name = str | PathLike[str]
Overrides = Mapping[str, Any]
"""Dotted path → value, in which ``*`` stands for every modality."""


@dataclass(frozen=True, repr=False)
class Result:
    """A run's folder as tables.

    Attributes:
        folder: the run's folder, whole, so that it is found from any other.
        report: all that is known of the run.
        notes: sentences one should see, such as that no trial meets the constraints.
    """

    folder: Path
    report: RunReport
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        states = Counter(record.state for record in self.report.records)
        counts = ", ".join(f"{n} {STATE_WORDS[state]}" for state, n in sorted(states.items()))
        # Without the values, of which there may be dozens.
        choice, closed, _ = self.report.choice.partition("): ")
        said = self.report.verdict[0] if self.report.verdict else choice + closed[:1]
        return f"<armtune.Result of {self.report.folder}: {counts or 'no trials'}. {said}>"

    def _repr_html_(self) -> str:
        """For notebooks: what was found, the front, and what confirmed it."""
        report = self.report
        lines = [*(report.verdict or [report.choice]), *self.notes]
        shown = [
            front_grid(report.records, report.front, report.goals, report.chosen),
            confirmed_grid(report.confirmed, report.goals),
        ]
        tables = [grid.html() for grid in shown if grid.rows]
        paragraphs = [f"<p>{escape(line)}</p>" for line in lines]
        return "\n".join([f"<h3>{escape(report.name)}</h3>", *paragraphs, *tables])

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
        """A row for each re-training, by trial and seed: metrics, on test as ``test/<name>``."""
        import pandas as pd

        found, seeds = self.report.confirmed, self.report.seeds
        rows = [dict(metrics) for each in found.values() for metrics in each]
        index = [(trial, seed) for trial in found for seed in seeds[trial]]
        names = ["trial", "seed"]
        return pd.DataFrame(rows, index=pd.MultiIndex.from_tuples(index, names=names))

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
    recipe: Name | Mapping[str, Any] | Recipe,
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
        recipe: the recipe's file, or a recipe as plain data or as ``load_recipe`` gives it, whose
            paths are seen from the current folder.
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
    _check_listeners(listeners)
    with in_python():
        path, changes = _source(recipe), _texts(overrides)
        loaded, _ = load_sweep(path, changes)
    folder = Path("runs") / loaded.name if to is None else Path(to)
    whole = absolute(folder)
    with in_python(), placed(path, changes), shown_in_notebook(loaded, listeners) as told:
        found = sweep_and_export(
            loaded,
            path.parent,
            folder,
            told,
            resume=resume,
            inline=inline,
            address=address,
        )
    return replace(found, folder=whole)


def sweep_and_export(
    recipe: Recipe,
    recipe_folder: Path,
    folder: Path,
    listeners: Sequence[Listener] = (),
    *,
    resume: bool = False,
    inline: bool = False,
    address: str | None = None,
    before: Mapping[str, float] | None = None,
) -> Result:
    """As ``sweep``, for a recipe that was read already; ``recipe_folder`` is where it was.

    Args:
        before: as ``armtune.sweeps.sweep`` takes it.
    """
    from armtune.bundle.target import check_target
    from armtune.report.tensorboard import TensorBoardListener
    from armtune.sweeps.study.costs import EXPORT, Ledger

    check_target(folder / BEST)
    found = run_sweep(
        recipe,
        folder,
        recipe_folder,
        listeners=[*listeners, TensorBoardListener()],
        resume=resume,
        inline=inline,
        address=address,
        before=before,
    )
    # Slow to import: no sweep waits for it.
    from armtune.report.page import REPORT, write_report

    if found.chosen is not None:
        with Ledger(folder).timed(EXPORT):
            from armtune.export.from_run import export_winner

            export_winner(folder, folder / BEST)
    result = _read(folder)
    write_report([result.report], folder / REPORT)
    return result


def load_run(folder: Name) -> Result:
    """Reads a run's folder, whether its sweep has ended or not.

    Raises:
        RunError: the folder holds no sweep, or a damaged one.
    """
    path = Path(folder)
    with in_python():
        found = _read(path)
    return replace(found, folder=absolute(path), notes=tuple(map(as_passed, found.notes)))


def _read(folder: Path) -> Result:
    return Result(folder, RunReport.read(folder), tuple(read_result(folder).notes))


def load_recipe(
    path: Name | Mapping[str, Any] | Recipe, overrides: Overrides | None = None
) -> Recipe:
    """Reads and checks a recipe, and runs the files that it names under ``plugins``.

    Raises:
        RecipeError: holds every fault.
    """
    with in_python():
        return load.load_recipe(_source(path), _texts(overrides))


def init(
    data: Name | None = None,
    *,
    example: str | None = None,
    to: Name | None = None,
    label: str | None = None,
    target: str | None = None,
    encoding: str = "utf-8",
) -> Path:
    """Looks at data and drafts a recipe for them, or writes out a shipped one; as the verb does.

    Args:
        data: a table, an ``.npz`` file or a folder of data; or None for an example.
        example: name of a shipped recipe, which is written with its search spaces.
        to: the recipe's file, of an example its folder; None for the current folder.
        label: what is to be predicted, where the data's names don't tell.
        target: ``classes``, ``labels`` or ``values``, where the label's values don't tell.
        encoding: of a table's text.

    Returns:
        the recipe's file.

    Raises:
        DataError: the data can't be read, or no recipe be drafted for them.
        RunError: the file is there already, or can't be written.
    """
    from armtune.recipe.drafts.draft import Asked
    from armtune.recipe.drafts.example import write_example
    from armtune.recipe.drafts.kinds import draft_recipe

    _check_texts(example=example, label=label, target=target, encoding=encoding)
    if (data is None) == (example is None):
        raise TypeError("give either data or example")
    if data is None:
        assert example is not None
        with in_python():
            return write_example(example, Path(to or ""))[0]
    file = Path(f"{absolute(Path(data)).stem}.yaml" if to is None else to)
    asked = Asked(file.parent, label, target, encoding)
    with in_python():
        draft_recipe(Path(data), asked, file, f"armtune.init({str(data)!r})")
    return file


def compare(
    recipe: Name | Mapping[str, Any] | Recipe,
    methods: str | Sequence[str],
    overrides: Overrides | None = None,
    *,
    trials: int | None = None,
    seeds: int | None = None,
    cuts: int = 1,
    alone: bool = False,
    to: Name | None = None,
    resume: bool = False,
    inline: bool = False,
    address: str | None = None,
    listeners: Sequence[Listener] = (),
) -> Comparison:
    """Compares balancing methods: an equal sweep each, its best setting over the same seeds.

    Writes ``compare.md``, ``compare.csv``, ``compare.html`` and ``compare.png`` into its folder.

    Args:
        recipe: as ``sweep`` takes it, as are ``overrides`` and all from ``resume`` on.
        methods: names of methods, or ``all``.
        trials: trials a method; None for the recipe's.
        seeds: seeds each best setting is re-trained with; None for the recipe's.
        cuts: cuts of the data to do it all on.
        alone: whether each modality alone has a sweep, too.
        to: the comparison's folder; None for ``runs/<name>-compare``.

    Raises:
        RecipeError: the recipe, the methods or their spaces are wrong; holds every fault.
        DataError: the data can't be read.
        RunError: the folder can't be used, or every method failed.
    """
    from armtune.comparison.whole import Wanted, load_data, prepare, run_comparison
    from armtune.report.method_comparison_files import write_comparison
    from armtune.report.tensorboard import TensorBoardListener
    from armtune.sweeps.run import Place

    @contextmanager
    def listening(own: Recipe) -> Iterator[list[Listener]]:
        with shown_in_notebook(own, listeners) as told:
            yield [*told, TensorBoardListener()]

    _check_listeners(listeners)
    with in_python():
        path, changes = _source(recipe), _texts(overrides)
    with in_python(), placed(path, changes):
        wanted = Wanted(_names(methods), trials, seeds, cuts, alone)
        prepared = prepare(path, changes, wanted)
        folder = Path("runs") / f"{prepared.name}-compare" if to is None else Path(to)
        place = Place(folder, path.parent, resume, inline, address)
        datasets, _ = load_data(prepared, place)
        found = run_comparison(prepared, datasets, place, listening)
    write_comparison(found, folder)
    return found


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


def _source(recipe: Name | Mapping[str, Any] | Recipe) -> RecipeSource:
    if isinstance(recipe, str | PathLike):
        return Path(recipe)
    if isinstance(recipe, Mapping):
        return Given(recipe)
    if isinstance(recipe, Recipe):
        return Given(load.content_of(recipe))
    said = f"needs a path, a mapping or a Recipe, not a value of type {type(recipe).__name__}"
    raise RecipeError([Fault(said, file=NAME)])


def _texts(overrides: Overrides | None) -> list[str]:
    if not isinstance(overrides or {}, Mapping):
        said = f"not a value of type {type(overrides).__name__}"
        raise RecipeError([Fault(f"needs {{path: value}}, {said}", file=COMMAND_LINE.file)])
    # JSON is YAML, which is what the command line's overrides are read as.
    given = plain(overrides or {}, COMMAND_LINE.file)
    return [f"{path}={json.dumps(value)}" for path, value in given.items()]


def _names(methods: str | Sequence[str]) -> str:
    if isinstance(methods, str):
        return methods
    if isinstance(methods, Iterable):
        return ",".join(map(str, methods))
    said = f"needs names such as ['none', 'arm'], not a value of type {type(methods).__name__}"
    raise RecipeError([Fault(said, file="methods")])


def _check_listeners(listeners: Sequence[Listener]) -> None:
    """Before anything is written: a run that failed at its first listener would be in the way."""
    listed = listeners if isinstance(listeners, Iterable) else [listeners]
    wrong = [one for one in listed if not isinstance(one, Listener)]
    if wrong or listed is not listeners:
        said = f"a list of instances of armtune.sweeps.Listener, not {(wrong or listed)[0]!r}"
        raise TypeError(f"listeners: needs {said}")


def _check_texts(**given: str | None) -> None:
    for name, value in given.items():
        if not isinstance(value, str | None):
            raise TypeError(f"{name}: needs a text, not a value of type {type(value).__name__}")


def _row(record: TrialRecord) -> dict[str, Any]:
    about = {"trial": record.number, "state": record.state, "epochs": record.epoch}
    metrics = {("best_epoch" if k == "epoch" else k): v for k, v in record.metrics.items()}
    return {**about, "reason": record.reason, **record.values, **metrics}
