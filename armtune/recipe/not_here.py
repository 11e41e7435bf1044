"""What a recipe asks for and this machine lacks: files, packages, GPUs and CPU cores.

None of it is a fault of the recipe, which may be swept elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from armtune.data.downloads import data_folders, find, model_folders
from armtune.data.model_downloads import NAME
from armtune.encoders import Encoder
from armtune.errors import DataError, MissingDataError
from armtune.plugins.options import Options
from armtune.recipe.machine import cores, gpus, lacking_packages
from armtune.recipe.schema import Recipe


def not_here(recipe: Recipe, folder: Path) -> list[str]:
    """A sentence on each thing that isn't here, beginning with its path in the recipe.

    Args:
        folder: the recipe's folder.
    """
    return [*_data(recipe, folder), *_models(recipe, folder), *_extras(recipe), *_devices(recipe)]


def _data(recipe: Recipe, folder: Path) -> Iterator[str]:
    data, places = recipe.data, [folder, *data_folders(None, folder)]
    for option, named in data.named_files().items():
        if said := _lost(named, places):
            instead = f"; {data.otherwise} stands in" if data.otherwise else ""
            yield f"data.{option}: {said}{instead}"


def _models(recipe: Recipe, folder: Path) -> Iterator[str]:
    """Of encoders' models and first weights."""
    places = model_folders(folder)
    for name, modality in recipe.modalities.items():
        path = getattr(modality.encoder, "path", None)
        for place, named in (("encoder.path", path), ("weights", modality.weights)):
            if isinstance(named, str) and (said := _lost(named, places)):
                hint = _hint(modality.encoder, named) if place == "encoder.path" else ""
                yield f"modalities.{name}.{place}: {said}{hint}"
            elif place == "encoder.path" and (said := _unread(modality.encoder)):
                yield f"modalities.{name}.{place}: {said}"


def _lost(named: str, places: Sequence[Path]) -> str:
    """Why a file or folder can't be had; empty where it can."""
    try:
        find(named, places)
    except MissingDataError as error:
        return str(error)
    return ""


def _hint(encoder: Encoder, named: str) -> str:
    """How a model that isn't here can be had."""
    hub = encoder.extra == "huggingface" and NAME.fullmatch(named)
    return f"; armtune fetch {named} brings it from the Hub" if hub else ""


def _unread(encoder: Encoder) -> str:
    """Why the files that an encoder is made from don't serve; empty where they do."""
    try:
        encoder.files()
    except DataError as error:
        return str(error)
    return ""


def _extras(recipe: Recipe) -> Iterator[str]:
    encoders = {f"modalities.{n}.encoder": m.encoder for n, m in recipe.modalities.items()}
    parts: dict[str, Options] = {"data": recipe.data, **encoders}
    for path, part in parts.items():
        lacking = lacking_packages(part.extra) if part.extra else []
        if lacking:
            install = f"pip install 'armtune[{part.extra}]'"
            yield f"{path}: needs {', '.join(lacking)}, not installed here: {install}"


def _devices(recipe: Recipe) -> Iterator[str]:
    """Of CPU cores and GPUs, where one trial reserves more than there are."""
    own = recipe.sweep.resources
    for what, each, had in (("CPU cores", own.cpu, cores()), ("GPUs", own.gpu, gpus())):
        wanted = own.workers * each
        if wanted > had:
            by = f" ({own.workers} workers, {each:g} each)" if own.workers > 1 else ""
            yield f"sweep.resources: a trial reserves {wanted:g} {what}{by}, this machine has {had}"
