"""``model.pt2``: what ``torch.export.load`` reads, in Python or C++, without armtune."""

from __future__ import annotations

import copy
import warnings
from pathlib import Path

import torch

from armtune.bundle.engine import Engine, Floats, Present, Views
from armtune.bundle.serving import Exported, tensors

FILE = "model.pt2"


def write(exported: Exported, folder: Path) -> None:
    """Writes the program and its weights, but not the example inputs, which torch would pickle."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch warns of deprecations in its own exporter
        program = copy.copy(exported.program)
        program.example_inputs = None
        torch.export.save(program, folder / FILE)


def load(folder: Path) -> Engine:
    """The program, as its users load it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module = torch.export.load(folder / FILE).module()

    @torch.no_grad()
    def run(views: Views, present: Present) -> Floats:
        return module(tensors(views), tensors(present)).numpy()

    return run
