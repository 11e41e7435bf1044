"""The process that measures references beside a sweep."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from math import inf
from pathlib import Path

from armtune.files import write_text
from armtune.references import FOLDER, RESULTS, References, restored
from armtune.references.clock import allowed

LOG = "log.txt"
"""What the process said, in the references' folder."""
GRACE_SECONDS = 5.0
"""What it may take beyond its time, to end a step that can't be interrupted."""


class Beside:
    """A process that measures references while the sweep goes on.

    Args:
        recipe: the file of a self-contained recipe, in the run's folder.
    """

    def __init__(self, recipe: Path) -> None:
        self._folder = recipe.parent / FOLDER
        self._began = time.monotonic()
        write_text(self._folder / LOG, "")
        (self._folder / RESULTS).unlink(missing_ok=True)
        with (self._folder / LOG).open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "armtune.references", str(recipe)],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                env=_environment(),
                # Ctrl-C is for the sweep, which then ends this.
                start_new_session=True,
            )

    def finish(self, left: float = inf) -> References:
        """Tells it that the sweep has ended, and takes what it has measured within its time.

        Args:
            left: seconds that the sweep may still take.
        """
        assert self._process.stdin is not None
        with suppress(OSError):
            self._process.stdin.write(b".")
            self._process.stdin.flush()
        late = False
        try:
            own = allowed(time.monotonic() - self._began) + GRACE_SECONDS
            self._process.wait(max(0.0, min(own, left)))
        except subprocess.TimeoutExpired:
            late = True
        self.kill()
        return self._found("" if late or not self._process.returncode else self._said())

    def kill(self) -> None:
        """Ends it at once."""
        self._process.kill()
        self._process.wait()
        if self._process.stdin is not None:
            with suppress(OSError):
                self._process.stdin.close()

    def _found(self, failure: str) -> References:
        try:
            text = (self._folder / RESULTS).read_text(encoding="utf-8")
        except OSError:
            return References("", 0, {}, failure=failure or "nothing was measured in time")
        return replace(restored(json.loads(text)), failure=failure)

    def _said(self) -> str:
        """The last line that it said before it failed."""
        lines = (self._folder / LOG).read_text(encoding="utf-8", errors="replace").splitlines()
        said = next((line.strip() for line in reversed(lines) if line.strip()), "")
        return said or f"its process ended with the code {self._process.returncode}"


@contextmanager
def beside(recipe: Path, wanted: bool) -> Iterator[Beside | None]:
    """Measures references during the block, if they are wanted; ends that with the block."""
    if not wanted:
        yield None
        return
    process = Beside(recipe)
    try:
        yield process
    finally:
        process.kill()


def _environment() -> dict[str, str]:
    """This process's, with its imports; one thread, and no GPU."""
    places = [str(Path(place or ".").resolve()) for place in sys.path]
    threads = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    return {
        **os.environ,
        **dict.fromkeys(threads, "1"),
        "PYTHONPATH": os.pathsep.join(places),
        "PYTHONSAFEPATH": "1",
        "CUDA_VISIBLE_DEVICES": "",
    }
