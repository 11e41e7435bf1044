"""What plug-ins must keep to, as checks to run on your own; armtune's own tests run the same.

    from pathlib import Path
    import pytest
    from armtune.testing import checks, plugins_of

    MINE = plugins_of(Path("my_encoders.py"), "encoders")["mine"]

    @pytest.mark.parametrize("check", checks("encoders"))
    def test_mine(check):
        check(MINE())

A check is a function that takes a plug-in (an instance, with the options to check) and raises
AssertionError where it breaks the contract. Each kind has a file of them in this folder.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

from armtune.plugins.options import Options
from armtune.plugins.registry import plugins
from armtune.recipe.schema import add_file

Check = Callable[..., Any]


def checks(kind: str) -> list[Check]:
    """All checks of a kind, such as ``encoders``; those of ``datasets`` take a folder and names."""
    module = importlib.import_module(f"{__name__}.{kind}")
    functions = inspect.getmembers(module, inspect.isfunction)
    return [
        function
        for name, function in functions
        if not name.startswith("_") and function.__module__ == module.__name__
    ]


def plugins_of(path: Path, kind: str) -> dict[str, type[Options]]:
    """The plug-ins of a kind that a file defines, by name; it is run as a recipe would run it.

    Raises:
        ValueError: it can't be run, or defines no plug-in.
    """
    add_file(path.resolve())
    files = {name: inspect.getsourcefile(p) for name, p in plugins(kind).items()}
    return {n: plugins(kind)[n] for n, file in files.items() if file == str(path.resolve())}
