"""Files as ``datasets.Dataset.save_to_disk`` and ``to_parquet`` write them, without the library."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from PIL import Image
from pyarrow import ipc, parquet

LABEL = {"_type": "ClassLabel", "names": ["cat", "dog", "owl"]}


def png(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def table(count: int, seed: int = 0, features: Mapping[str, Any] | None = None) -> pa.Table:
    """Rows whose ``number`` says which they are; pictures of one colour, the row's."""
    rng = np.random.default_rng(seed)
    number = np.arange(count)
    colours = np.broadcast_to(number[:, None, None, None], (count, 10, 12, 3)).astype(np.uint8)
    motion = rng.normal(size=(count, 5)).astype(np.float32)
    grid = np.broadcast_to(number[:, None, None], (count, 2, 3)).astype(float)
    columns = {
        "photo": pa.array([{"bytes": png(c), "path": None} for c in colours]),
        "motion": pa.FixedSizeListArray.from_arrays(motion.ravel(), 5),
        "grid": pa.array(grid.tolist()),
        "number": pa.array(number, pa.int32()),
        "label": pa.array(number % 3),
    }
    about = {"info": {"features": {"label": LABEL} if features is None else features}}
    return pa.table(columns).replace_schema_metadata({"huggingface": json.dumps(about)})


def save(folder: Path, rows: pa.Table, shards: int = 1) -> None:
    """One split, as ``Dataset.save_to_disk`` does."""
    folder.mkdir(parents=True, exist_ok=True)
    names = [f"data-{k:05}-of-{shards:05}.arrow" for k in range(shards)]
    step = -(-len(rows) // shards)
    for k, name in enumerate(names):
        with ipc.new_stream(folder / name, rows.schema) as file:
            file.write_table(rows.slice(k * step, step))
    (folder / "state.json").write_text(
        json.dumps({"_data_files": [{"filename": n} for n in names]})
    )


def write(folder: Path, sizes: Mapping[str, int], shards: int = 1) -> None:
    """Several splits, as ``DatasetDict.save_to_disk`` does."""
    for seed, (split, count) in enumerate(sizes.items()):
        save(folder / split, table(count, seed), shards)
    (folder / "dataset_dict.json").write_text(json.dumps({"splits": list(sizes)}))


def write_parquet(folder: Path, sizes: Mapping[str, int]) -> None:
    (folder / "data").mkdir(parents=True)
    for seed, (split, count) in enumerate(sizes.items()):
        file = folder / "data" / f"{split}-00000-of-00001.parquet"
        parquet.write_table(table(count, seed), file)
