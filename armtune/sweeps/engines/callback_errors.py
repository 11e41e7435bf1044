"""Errors of ours inside Ray Tune's calls."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class CallbackErrors:
    """Keeps an error that was raised while Tune was calling, which Tune would turn into another."""

    _error: BaseException | None = None

    def __getstate__(self) -> dict[str, Any]:
        # Tune pickles what it was given, for a restoration that isn't used; listeners can't be.
        return {}

    def reraise(self) -> None:
        """Raises the error, if there was one."""
        if self._error is not None:
            raise self._error

    @contextmanager
    def catching(self) -> Iterator[None]:
        """Keeps an error that the block raises."""
        try:
            yield
        except BaseException as error:
            self._error = error
            raise
