"""Plug-ins from a user's own Python file, which a recipe names.

Such a file is code: it runs in every process that reads a recipe naming it, the workers' included.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path
from types import ModuleType

from armtune.plugins import MANIFEST
from armtune.plugins.blame import line_in
from armtune.plugins.registry import KINDS, add, defined, plugins


def run(path: Path) -> bool:
    """Runs a file and adds the plug-ins that it defines, in place of those of an older version.

    Returns:
        Whether it ran: a file whose text has run already does nothing.

    Raises:
        ValueError: it can't be read or run, defines no plug-in, or one whose name is taken; or it
            lies in a bundle, and isn't the file that was exported.
    """
    try:
        source = path.read_bytes()
    except OSError as error:
        raise ValueError(f"{path} can't be read: {error.strerror}") from None
    name = _module_name(source)
    if name in sys.modules:
        return False
    _compare(path, source)
    module = ModuleType(name)
    module.__file__ = str(path)
    sys.modules[name] = module  # where pydantic looks up what annotations mean
    try:
        _execute(module, source)
        _add_all(module)
    except ValueError:
        del sys.modules[name]
        raise
    return True


def checksums(folder: Path) -> dict[str, str]:
    """Those of a bundle's files by name, as its manifest has them; none where there is none."""
    try:
        sums = json.loads((folder / MANIFEST).read_bytes())["sha256"]
    except (OSError, ValueError, RecursionError, LookupError, TypeError):
        return {}
    return sums if isinstance(sums, dict) else {}


def _compare(path: Path, source: bytes) -> None:
    """Refuses a file that a manifest beside it has another checksum of."""
    known = checksums(path.parent).get(path.name)
    if known not in (None, hashlib.sha256(source).hexdigest()):
        raise ValueError(f"{path} differs from its checksum in {MANIFEST}, and isn't run")


def has_run(path: Path) -> bool:
    """Whether a file, or another one with the same text, has run in this process."""
    try:
        return path.is_file() and _module_name(path.read_bytes()) in sys.modules
    except OSError:
        return False


def _module_name(source: bytes) -> str:
    return f"armtune_plugins_{hashlib.sha256(source).hexdigest()[:16]}"


def _execute(module: ModuleType, source: bytes) -> None:
    path = module.__file__
    assert path is not None
    try:
        exec(compile(source, path, "exec"), module.__dict__)  # noqa: S102 (the recipe names it)
    except Exception as error:  # whatever a user's file may raise
        line = getattr(error, "lineno", None) or line_in(path, error)
        what = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
        raise ValueError(f"{path}:{line} can't be run: {what.rstrip(': ')}") from error


def _add_all(module: ModuleType) -> None:
    found = {kind: defined(module, kind) for kind in KINDS}
    if not any(found.values()):
        raise ValueError(
            f"{module.__file__} defines no plug-in: a subclass of armtune.encoders.Encoder, say, "
            "with a field such as name: Literal['mine'] = 'mine'"
        )
    for kind, classes in found.items():
        for name in classes:
            _check_free(kind, name, module)
    for kind, classes in found.items():
        add(kind, classes)


def _check_free(kind: str, name: str, module: ModuleType) -> None:
    there = plugins(kind).get(name)
    owner = sys.modules[there.__module__].__file__ if there else None
    if owner is not None and owner != module.__file__:
        raise ValueError(f"{module.__file__}: {name!r} in {kind} is taken, by {owner}")
