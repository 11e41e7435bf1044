"""What a bundle's files are called, and whether they are as they were written."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from armtune.errors import RunError

MANIFEST, MODEL, PREPROCESSING = "bundle.json", "model.safetensors", "preprocessing.safetensors"
RECIPE, METRICS, CARD = "recipe.yaml", "metrics.json", "MODEL_CARD.md"
PROGRAM = "program.json"
"""The model as a list of operations on arrays: what ``program.py`` runs."""


def sha256(path: Path) -> str:
    """Hexadecimal checksum of a file."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()


def read_manifest(folder: Path) -> dict[str, Any]:
    """A bundle's manifest.

    Raises:
        RunError: the folder isn't a bundle.
    """
    try:
        manifest: dict[str, Any] = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        missing = {"target", "shapes", "sha256"} - set(manifest)
    except FileNotFoundError as error:
        raise RunError(_no_bundle(folder)) from error
    except (OSError, ValueError, TypeError) as error:
        raise RunError(f"{folder / MANIFEST}: can't be read as a bundle: {error}") from error
    if missing or not isinstance(manifest, dict):
        lacking = ", ".join(sorted(missing))
        raise RunError(f"{folder / MANIFEST}: can't be read as a bundle: it lacks {lacking}")
    return manifest


def _no_bundle(folder: Path) -> str:
    """What is wrong with a folder without a manifest; a run is often taken for its winner."""
    if not folder.is_dir():
        return f"{folder}: there is no such folder"
    winner = folder / "best"
    hint = f"; did you mean {winner}?" if (winner / MANIFEST).is_file() else ""
    return f"{folder / MANIFEST}: missing; {folder} is not a whole bundle{hint}"


def check_files(folder: Path, manifest: dict[str, Any], names: Sequence[str]) -> None:
    """Refuses files that are missing or differ from their checksum in the manifest.

    Raises:
        RunError: one is; names it.
    """
    for name in names:
        try:
            found = sha256(folder / name)
        except OSError as error:
            raise RunError(f"{folder / name}: missing; {folder} is not a whole bundle") from error
        if found != manifest["sha256"].get(name):
            raise RunError(f"{folder / name}: differs from its checksum in {MANIFEST}")
