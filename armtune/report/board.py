"""TensorBoard as a server in this process."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from armtune.comparison.record import is_comparison
from armtune.errors import RunError
from armtune.sweeps.study.journal import JOURNAL

EVENTS = "events.out.tfevents.*"
"""What TensorBoard reads; a single training has such a file in its own folder."""


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
