"""TensorBoard as a server in this process."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

from armtune.comparison.record import is_comparison
from armtune.errors import RunError
from armtune.sweeps import read_result
from armtune.sweeps.study.journal import JOURNAL

EVENTS = "events.out.tfevents.*"
"""What TensorBoard reads; a single training has such a file in its own folder."""

MOST_TICKED = 40
"""Runs that TensorBoard ticks unasked; of more it ticks none."""


def start_board(runs: Sequence[Path], port: int | None = None) -> str:
    """Starts TensorBoard, which serves as long as this process lives.

    Args:
        runs: folders of sweeps, comparisons and single trainings; several are told apart by their
            names.
        port: the port; 0 for any free one, None for TensorBoard's own choice.

    Returns:
        its address.

    Raises:
        RunError: a folder holds nothing to see, two have the same name, or the port is taken.
    """
    for run in runs:
        known = (run / JOURNAL).exists() or is_comparison(run)
        if not known and next(run.glob(EVENTS), None) is None:
            raise RunError(f"{run}: there is no sweep here, nor anything else for TensorBoard")
    folders = _folders(runs)
    from tensorboard import program

    logging.getLogger("tensorboard").setLevel(logging.ERROR)
    board = program.TensorBoard()
    ports = [] if port is None else ["--port", str(port)]
    board.configure(argv=["tensorboard", *folders, *ports])
    try:
        return str(board.launch())
    except program.TensorBoardServerException as error:
        raise RunError(f"TensorBoard can't start: {error}") from error


def links(runs: Sequence[Path], address: str) -> dict[str, str]:
    """Addresses of views that show something at once, by what they show.

    With more than 40 runs TensorBoard ticks none of them; a filter ticks those that it leaves.
    """
    prefixes = [""] if len(runs) == 1 else [f"{run.resolve().name}/" for run in runs]
    sweeps = [
        (f"{prefix}{folder.relative_to(run)}".removesuffix("/."), folder)
        for run, prefix in zip(runs, prefixes, strict=True)
        for folder in sorted(journal.parent for journal in run.rglob(JOURNAL))
    ]
    if not sweeps:
        return {}
    most = max(1, MOST_TICKED // len(sweeps))
    trials = [run for name, folder in sweeps for run in _foremost(name, folder)[:most]]
    wholes = [name for name, _ in sweeps]
    views = {
        "curves of winner, trial 0 and front": ("scalars", trials),
        "modalities over each other": ("custom_scalars", trials),
        "pictures": ("images", wholes),
        "texts": ("text", wholes),
    }
    found = {
        what: f"{address}#{view}&regexInput={quote(_pattern(ticked[:MOST_TICKED]))}"
        for what, (view, ticked) in views.items()
    }
    return {**found, "a row a trial": f"{address}#hparams"}


def _foremost(name: str, folder: Path) -> list[str]:
    """Runs of the trials that matter most: the chosen one, the recipe's own values, the front."""
    try:
        result = read_result(folder)
    except RunError:  # TensorBoard shows what it finds
        return []
    chosen = [] if result.chosen is None else [result.chosen]
    start = "" if name == "." else f"{name}/"
    return [f"{start}trials/{n:04d}" for n in dict.fromkeys([*chosen, 0, *result.front])]


def _pattern(names: Sequence[str]) -> str:
    return f"^({'|'.join(re.escape(name) for name in names)})(/\\.)?$"


def _folders(runs: Sequence[Path]) -> list[str]:
    if len(runs) == 1:
        return ["--logdir", str(runs[0])]
    names = [run.resolve().name for run in runs]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise RunError(f"two of the runs are called {twice}; rename one's folder")
    bad = next((run for run in runs if set(str(run)) & set(",:")), None)
    if bad is not None:
        raise RunError(f"{bad}: with several runs TensorBoard takes no path with a comma or colon")
    named = (f"{name}:{run}" for name, run in zip(names, runs, strict=True))
    return ["--logdir_spec", ",".join(named)]
