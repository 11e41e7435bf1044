"""Progress of slow preparations on the terminal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from armtune.text.escapes import for_terminal

if TYPE_CHECKING:
    from rich.console import Console

    from armtune.data import Progress as Told


@contextmanager
def progress_bars(console: Console) -> Iterator[Told]:
    """A bar for each thing that is told of; they are gone when the block ends."""
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TimeRemainingColumn())
    tasks = {}
    with Progress(*columns, console=console, transient=True) as bars:

        def told(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bars.add_task(for_terminal(what), total=total)
            bars.update(tasks[what], completed=done, total=total)

        yield told
