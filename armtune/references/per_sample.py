"""Files of what each test sample counts for a score, so that models can be compared in pairs."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from armtune.data.formats.numpy_files import UNREADABLE
from armtune.files import refuse_pipes, write_bytes

SCORE = "score"
"""Name of the array where a file is of one model."""

Floats = NDArray[np.float64]


def write_per_sample(path: Path, arrays: Mapping[str, Any]) -> None:
    """Writes arrays ``(sample,)`` by the models' names."""
    # Names of files can't hold all that a modality's name can; a list beside the arrays can.
    names, rows = list(arrays), [np.asarray(a, np.float64) for a in arrays.values()]
    content = io.BytesIO()
    np.savez_compressed(content, names=np.array(names, str), rows=np.array(rows))
    write_bytes(path, content.getvalue())


def read_per_sample(path: Path) -> dict[str, Floats]:
    """The arrays by name; empty where there is no such file, or it can't be read."""
    try:
        refuse_pipes(path)
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            names, rows = file["names"].tolist(), file["rows"].astype(np.float64)
            return dict(zip(map(str, names), rows, strict=True)) if rows.ndim == 2 else {}
    except (*UNREADABLE, AttributeError):
        return {}
