"""What a bundle's files are called, and whether they are as they were written."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

from armtune.errors import RunError
from armtune.files import is_pipe
from armtune.plugins import MANIFEST as MANIFEST

SCALES = "preprocessing"
MODEL, PREPROCESSING = "model.safetensors", f"{SCALES}.safetensors"
RECIPE, METRICS, CARD = "recipe.yaml", "metrics.json", "MODEL_CARD.md"
PROGRAM = "program.json"
"""The model as a list of operations on arrays: what ``program.py`` runs."""
PREPARED = "columns.json"
"""What training rows fitted of a table's columns: new rows are prepared by it."""
CHECKSUM = "checksum"
"""Key of the manifest's own checksum."""
ENCODER = "encoder_"
"""Begins the names of folders with files that encoders are made from."""
MODELS = re.compile(rf"{ENCODER}[0-9a-f]{{8}}")
_WEIGHTS = re.compile(rf"(?:model|{SCALES})(?:_[1-9][0-9]{{0,3}})?\.safetensors")
DECISIONS = "decisions"
"""Key of the preprocessing's file for what members' outputs count; a lone model has none."""
MOST_MEMBERS = 10_000
MOST_AXES = 16
MOST_NUMBERS = 1 << 26
"""Numbers of a sample of one modality, above which a manifest is taken for damaged."""
MOST_BYTES = 1 << 26
"""Bytes of a manifest, above which it is taken for damaged."""


@dataclass(frozen=True)
class Part:
    """Models of a bundle that share a program, and lie on its member axis.

    Attributes:
        recipe, model, preprocessing: names of the files.
        members: how many there are.
    """

    recipe: str
    model: str
    preprocessing: str
    members: int = 1

    @staticmethod
    def at(number: int, members: int = 1) -> Part:
        """The ``number``-th part, counted from 0; the first one has the usual names."""
        ending = f"_{number}" if number else ""
        recipe, model, preprocessing = (
            f"{Path(name).stem}{ending}{Path(name).suffix}"
            for name in (RECIPE, MODEL, PREPROCESSING)
        )
        return Part(recipe, model, preprocessing, members)

    @property
    def files(self) -> list[str]:
        """Names of its files."""
        return [self.recipe, self.model, self.preprocessing]


def is_weights(name: str) -> bool:
    """Whether a file of this name holds numbers of a part."""
    return bool(_WEIGHTS.fullmatch(name))


def model_files(manifest: Mapping[str, Any]) -> list[str]:
    """Names of the files that encoders are made from, each with its folder's."""
    return [name for name in manifest["sha256"] if MODELS.fullmatch(name.partition("/")[0])]


def parts_of(manifest: Mapping[str, Any]) -> list[Part]:
    """The parts of a bundle, of which a single model is the only one."""
    members = manifest.get("ensemble", {"members": [1]})["members"]
    return [Part.at(k, count) for k, count in enumerate(members)]


def is_ensemble(manifest: Mapping[str, Any]) -> bool:
    """Whether a bundle's weights have a member axis."""
    return "ensemble" in manifest


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
        RunError: the folder isn't a bundle, or its manifest isn't as it was written.
    """
    path = folder / MANIFEST
    try:
        _refuse_pipes(path)
        if path.stat().st_size > MOST_BYTES:
            raise RunError(f"{path}: has more than {MOST_BYTES} bytes, which no bundle's has")
        manifest = json.loads(path.read_text(encoding="utf-8"))
        own = checksum(manifest) if isinstance(manifest, dict) else ""
    except (FileNotFoundError, NotADirectoryError) as error:
        raise RunError(_no_bundle(folder)) from error
    except (OSError, ValueError, RecursionError) as error:
        raise RunError(f"{path}: can't be read as a bundle: {error}") from error
    if said := next(_problems(manifest), ""):
        raise RunError(f"{path}: can't be read as a bundle: {said}")
    # Bundles of earlier versions have none.
    if manifest.get(CHECKSUM, own) != own:
        raise RunError(f"{path}: differs from its checksum, which stands in it under {CHECKSUM!r}")
    return manifest


def _refuse_pipes(path: Path) -> None:
    if is_pipe(path):
        raise RunError(f"{path}: is a pipe or a device; a bundle has plain files")


def checksum(manifest: Mapping[str, Any]) -> str:
    """Hexadecimal checksum of all that a manifest says but the checksum itself."""
    said = {key: value for key, value in manifest.items() if key != CHECKSUM}
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def _problems(manifest: Any) -> Iterator[str]:
    """What keeps JSON from being a bundle's manifest."""
    if not isinstance(manifest, dict):
        yield f"it holds {type(manifest).__name__}, not a mapping"
        return
    if missing := {"target", "shapes", "sha256"} - set(manifest):
        yield f"it lacks {', '.join(sorted(missing))}"
        return
    for key, (fits, needed) in _PARTS.items():
        if key in manifest and not fits(manifest[key]):
            yield f"{key} needs {needed}"
    fills = manifest.get("fills")
    if fills:
        for m, means in fills["means"].items():
            if len(means) != prod(manifest["shapes"].get(m, [0])):
                yield f"fills has {len(means)} means for {m!r}, not one a number of its samples"


def _mapping(content: Any, fits: Callable[[Any], bool]) -> bool:
    return isinstance(content, dict) and all(map(fits, content.values()))


def _texts(content: Any) -> bool:
    return isinstance(content, list) and all(isinstance(each, str) for each in content)


def _numbers(content: Any) -> bool:
    kinds = {type(each) for each in content} if isinstance(content, list) else {None}
    return kinds <= {int, float}


def _sums(content: Any) -> bool:
    """Checksums of files of the folder and its models' folders: no name leads out of it."""
    return _mapping(content, lambda each: isinstance(each, str)) and all(map(_is_own, content))


def _is_own(name: str) -> bool:
    folder, slash, file = name.rpartition("/")
    return file not in ("", ".", "..") and (not slash or bool(MODELS.fullmatch(folder)))


def _shape(content: Any) -> bool:
    whole = isinstance(content, list) and all(type(size) is int and size > 0 for size in content)
    return whole and len(content) < MOST_AXES and prod(content) <= MOST_NUMBERS


def _shapes(content: Any) -> bool:
    return bool(content) and _mapping(content, _shape)


def _ensemble(content: Any) -> bool:
    members = content.get("members") if isinstance(content, dict) else None
    if not isinstance(members, list) or not all(type(n) is int and n > 0 for n in members):
        return False
    return 0 < sum(members) <= MOST_MEMBERS


def _fills(content: Any) -> bool:
    right = isinstance(content, dict) and content.get("what") in ("", "cells", "samples")
    return right and _mapping(content.get("means"), _numbers)


_PARTS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "target": (lambda part: isinstance(part, dict), "a mapping"),
    "shapes": (_shapes, "a list of whole numbers above 0 for each modality"),
    "sha256": (_sums, "a text for each file, by its name in the folder"),
    "columns": (lambda part: _mapping(part, _texts), "a list of texts for each modality"),
    "ensemble": (_ensemble, f"members, whole numbers for its parts, {MOST_MEMBERS} in all at most"),
    "fills": (_fills, "what is filled, and a list of numbers for each modality"),
}
"""What the parts of a manifest must be that prediction reads, where they are there."""


def _no_bundle(folder: Path) -> str:
    """What is wrong with a folder without a manifest; a run is often taken for its winner."""
    if not folder.is_dir():
        return f"{folder}: there is no such folder"
    winner = folder / "best"
    hint = f"; did you mean {winner}?" if (winner / MANIFEST).is_file() else ""
    return f"{folder / MANIFEST}: missing; {folder} is not a whole bundle{hint}"


def check_beside(file: Path) -> None:
    """Refuses a file that lies in a bundle, and differs from its checksum there.

    Raises:
        RunError: it does, or the bundle's manifest can't be read.
    """
    if (file.parent / MANIFEST).is_file():
        check_files(file.parent, read_manifest(file.parent), [file.name])


def check_files(folder: Path, manifest: dict[str, Any], names: Sequence[str]) -> None:
    """Refuses files that are missing or differ from their checksum in the manifest.

    Raises:
        RunError: one is; names it.
    """
    for name in names:
        try:
            _refuse_pipes(folder / name)
            found = sha256(folder / name)
        except OSError as error:
            raise RunError(f"{folder / name}: missing; {folder} is not a whole bundle") from error
        if found != manifest["sha256"].get(name):
            raise RunError(f"{folder / name}: differs from its checksum in {MANIFEST}")
