"""Pretrained models of the Hugging Face Hub, fetched into a folder once and read from there."""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from armtune.data.cache import make_downloads, writing
from armtune.data.downloads import MODELS
from armtune.errors import DataError, MissingDataError
from armtune.files import read_json

ORIGIN = "fetched.json"
"""File beside a fetched model's that says what it is, and of which revision."""
PLAIN = (".json", ".txt", ".model")
"""Ends of the names of configurations, and of a tokenizer's and a preprocessor's files."""
WEIGHTS = re.compile(r"model(-\d+-of-\d+)?\.safetensors")
"""Weights in one file or several; other precisions and formats are left where they are."""
NAME = re.compile(r"[\w.-]+(/[\w.-]+)?")


@dataclass(frozen=True)
class Fetched:
    """A model that is here.

    Attributes:
        folder: where.
        revision: the commit on the Hub.
        anew: whether it was fetched just now.
    """

    folder: Path
    revision: str
    anew: bool


def fetch_model(
    name: str, revision: str | None = None, to: Path | None = None, endpoint: str | None = None
) -> Fetched:
    """Fetches a model: safetensors, configurations, and a tokenizer's and a preprocessor's files.

    Args:
        name: such as ``google/vit-base-patch16-224``.
        revision: branch, tag or commit; the main branch where none is named.
        to: folder below which it goes, by its name; ``$ARMTUNE_DATA``, else the cache, by default.
        endpoint: of the Hub; its own, or ``$HF_ENDPOINT``, by default.

    Raises:
        DataError: there is no such model or revision, it has no safetensors, it can't be written,
            or another revision is there already.
        MissingDataError: there is no connection.
    """
    if not NAME.fullmatch(name) or ".." in name:
        raise DataError(f"{name!r} is no model's name: they are like google/vit-base-patch16-224")
    folder = (to or _place()) / name
    known = _known(folder)
    if known and revision in (None, known):
        return Fetched(folder, known, anew=False)
    if os.environ.get("ARMTUNE_OFFLINE"):
        raise MissingDataError(f"{name} isn't in {folder}, and ARMTUNE_OFFLINE forbids fetching it")
    commit, files = _listed(name, revision, endpoint)
    if known == commit:
        return Fetched(folder, commit, anew=False)
    if folder.exists():
        held = f"revision {known}" if known else "something else"
        raise DataError(f"{folder}: holds {held}; remove it, or give another folder by --to")
    with writing(folder):
        _write(folder, name, commit, files, endpoint)
    return Fetched(folder, commit, anew=True)


def _place() -> Path:
    own = os.environ.get("ARMTUNE_DATA")
    return Path(own) if own else make_downloads() / MODELS


def _known(folder: Path) -> str | None:
    """The revision of a fetched model; None where none lies there."""
    try:
        return str(read_json(folder / ORIGIN)["revision"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _hub() -> Any:
    try:
        import huggingface_hub
    except ImportError as error:
        said = "fetching models needs huggingface_hub: pip install 'armtune[huggingface]'"
        raise DataError(said) from error
    return huggingface_hub


def _listed(name: str, revision: str | None, endpoint: str | None) -> tuple[str, list[str]]:
    """The commit that a revision is, and the files to fetch."""
    hub = _hub()
    try:
        about = hub.HfApi(endpoint=endpoint).model_info(name, revision=revision, timeout=10)
    except (hub.errors.RepositoryNotFoundError, hub.errors.RevisionNotFoundError) as error:
        at = f" of revision {revision}" if revision else ""
        said = "there is no such model on the Hub, or it wants a login (hf auth login)"
        raise DataError(f"{name}{at}: {said}") from error
    except Exception as error:  # of the connection, and each version has others
        raise _unreachable(name, error) from error
    files = [str(each.rfilename) for each in about.siblings or []]
    weights = [file for file in files if WEIGHTS.fullmatch(file)]
    if not weights:
        raise DataError(f"{name}: has no model.safetensors; weights in other formats aren't read")
    others = [file for file in files if "/" not in file and file.endswith(PLAIN)]
    return str(about.sha), sorted({*weights, *others})


def _unreachable(name: str, error: Exception) -> MissingDataError:
    reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    hint = "it can be fetched where there is a connection, and its folder copied"
    return MissingDataError(f"{name}: can't be fetched ({reason}); {hint}")


def _write(
    folder: Path, name: str, commit: str, files: Sequence[str], endpoint: str | None
) -> None:
    """Fetches files into a folder that is there as a whole or not at all."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(prefix=".fetching-", dir=folder.parent))
    model = aside / folder.name
    try:
        for file in files:
            _download(name, file, revision=commit, local_dir=model, endpoint=endpoint)
        shutil.rmtree(model / ".cache", ignore_errors=True)
        origin = {"model": name, "revision": commit}
        (model / ORIGIN).write_text(json.dumps(origin, indent=1), encoding="utf-8")
        model.replace(folder)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _download(name: str, file: str, **how: Any) -> None:
    try:
        _hub().hf_hub_download(name, file, **how)
    except Exception as error:  # of the connection, and each version has others
        if isinstance(error, OSError) and error.errno:
            raise  # the disk's
        raise _unreachable(name, error) from error
