"""Features of frozen encoders, computed once for a data set and kept in the cache."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator, Mapping
from dataclasses import fields, replace
from functools import lru_cache, partial
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from armtune.data import Dataset, Split
from armtune.data.cache import CacheWriter, digest_of, file_digest, is_stored, stored
from armtune.data.rows import Floats
from armtune.data.splits import SPLITS
from armtune.encoders import Frozen
from armtune.plugins.lazy_imports import torch

if TYPE_CHECKING:
    from torch import nn

log = logging.getLogger(__name__)

ENTRY = "features"
"""Begins the names of folders of the cache."""
BUILDER = 1
"""Raised whenever the same part would be asked otherwise."""
AT_A_TIME = 64
"""Samples that are encoded together at most; a CPU gains nothing from more."""
VALUES = 1 << 23
"""Numbers of samples that are encoded together at most."""
LOOKED_AT = 32
"""Samples of a split whose content is part of the digest."""


def featured(dataset: Dataset, parts: Mapping[str, Frozen], device: str = "cpu") -> Dataset:
    """The data set with features in the place of samples, for modalities with a frozen part.

    They come from the cache, or are computed now: by one process, while others that want them
    wait.

    Args:
        parts: by modality.
        device: on which to compute.

    Raises:
        DataError: the cache can't be written, or the part's files can't be read.
        ValueError: the files don't serve; says why.
    """
    for modality, part in parts.items():
        dataset = _with_features(dataset, modality, part, device)
    return dataset


def are_kept(dataset: Dataset, parts: Mapping[str, Frozen]) -> bool:
    """Whether ``featured`` has nothing left to compute."""
    return all(is_stored(ENTRY, digest_for(dataset, m, part)) for m, part in parts.items())


def digest_for(dataset: Dataset, modality: str, part: Frozen) -> str:
    """Digest of all that features depend on: the data, and the part's files, options and code."""
    # Which samples are left out because they lack a modality depends on all of them.
    data = {"of": sorted(dataset.shapes), "data": dataset.digest, "modality": modality}
    samples = [_samples_digest(getattr(dataset, name), modality) for name in SPLITS]
    return digest_of({"builder": BUILDER, **data, "samples": samples, "part": _about(part)})


def _about(part: Frozen) -> dict[str, Any]:
    own = [f.name for f in fields(part) if f.name not in ("then", "files")]
    kind = type(part)
    return {
        "kind": f"{kind.__module__}.{kind.__qualname__}",
        "code": kind.code,
        "options": {name: getattr(part, name) for name in own},
        "files": {name: _content(path) for name, path in part.files.items()},
    }


def _content(path: Path) -> str:
    known = path.stat()
    return _content_of(path, known.st_mtime_ns, known.st_size)


@lru_cache(maxsize=64)
def _content_of(path: Path, changed: int, size: int) -> str:
    """A file's digest; large models are read once a process."""
    return file_digest(path)


def _samples_digest(split: Split, modality: str) -> str:
    """Of some samples: a plug-in's data set may have forgotten something in its own digest."""
    view = split.views[modality]
    some = np.unique(np.linspace(0, len(view) - 1, LOOKED_AT).astype(np.int64))
    digest = hashlib.sha256(repr(view.shape).encode())
    digest.update(np.ascontiguousarray(view[some], np.float32).tobytes())
    if (there := split.present.get(modality)) is not None:
        digest.update(np.packbits(there).tobytes())
    return digest.hexdigest()


def _with_features(dataset: Dataset, modality: str, part: Frozen, device: str) -> Dataset:
    digest = digest_for(dataset, modality, part)
    build = partial(_write, dataset, modality, part, device)
    arrays, _ = stored(ENTRY, digest, build)
    train, validation, test = (
        _exchanged(getattr(dataset, name), modality, arrays[name]) for name in SPLITS
    )
    whole = digest_of({"of": dataset.digest, modality: digest})
    return replace(dataset, train=train, validation=validation, test=test, digest=whole)


def _exchanged(split: Split, modality: str, features: Floats) -> Split:
    return replace(split, views={**split.views, modality: features})


def _write(
    dataset: Dataset, modality: str, part: Frozen, device: str, writer: CacheWriter
) -> dict[str, str]:
    from armtune.nn.frozen import frozen, shape_of

    module = frozen(part.build(dataset.shapes[modality]))
    shape_of(module, dataset.shapes[modality])
    module.to(device)
    for name in SPLITS:
        split = getattr(dataset, name)
        log.info("%s: features of %d %s samples", modality, len(split), name)
        writer.add(name, len(split), _features(module, split, modality, device))
    return {"modality": modality, "data": dataset.digest, "samples": dataset.description}


def _features(
    module: nn.Module, split: Split, modality: str, device: str
) -> Iterator[NDArray[np.float32]]:
    """Of all samples in order, some at a time; zeros for samples that lack the modality."""
    view, there = split.views[modality], split.present.get(modality)
    size = max(1, min(AT_A_TIME, VALUES // max(1, prod(view.shape[1:]))))
    for start in range(0, len(view), size):
        part = np.array(view[start : start + size], np.float32)
        if there is not None:
            part[~there[start : start + size]] = 0
        told = encoded(module, part, device)
        if there is not None:
            told[~there[start : start + size]] = 0
        yield told


def encoded(
    module: nn.Module, samples: NDArray[np.float32], device: str = "cpu"
) -> NDArray[np.float32]:
    """What a frozen module makes of samples, in full float32 on any device."""
    with torch.no_grad(), torch.backends.cudnn.flags(allow_tf32=False):
        given = torch.from_numpy(samples).to(device)
        told: NDArray[np.float32] = module(given).float().cpu().numpy()
    return told
