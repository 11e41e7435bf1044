"""``model.onnx``: for ONNX Runtime and what else reads ONNX. Needs the extra ``armtune[onnx]``."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch

from armtune.bundle.engine import CantExport, Engine, Floats, Present, Views
from armtune.bundle.serving import Exported

FILE = "model.onnx"
LIBRARIES = ("onnx", "onnxscript", "onnxruntime")


def write(exported: Exported, folder: Path) -> None:
    """Writes the graph with inputs ``<m>`` and ``present/<m>``, its output called by what it is.

    Raises:
        CantExport: the libraries aren't there, or an operator has no counterpart in ONNX.
    """
    lacking = [name for name in LIBRARIES if find_spec(name) is None]
    if lacking:
        raise CantExport(f"needs {', '.join(lacking)}: pip install 'armtune[onnx]'")
    inputs = [*exported.modalities, *(f"present/{m}" for m in exported.modalities)]
    options: dict[str, Any] = {"input_names": inputs, "output_names": [exported.gives]}
    with warnings.catch_warnings(), _silence():
        warnings.simplefilter("ignore")  # torch warns of deprecations in its own exporter
        try:
            torch.onnx.export(
                exported.program, f=folder / FILE, external_data=False, verbose=False, **options
            )
        except torch.onnx.errors.OnnxExporterError as error:
            raise CantExport(str(error).strip().splitlines()[0]) from error


def load(folder: Path) -> Engine:
    """The graph in ONNX Runtime, on the CPU."""
    import onnxruntime

    session = onnxruntime.InferenceSession(folder / FILE, providers=["CPUExecutionProvider"])

    def run(views: Views, present: Present) -> Floats:
        feed = {**views, **{f"present/{m}": there for m, there in present.items()}}
        told: Floats = session.run(None, feed)[0]
        return told

    return run


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """Keeps what torch's exporter tells of itself off the terminal."""
    logging.disable(logging.WARNING)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        logging.disable(logging.NOTSET)
