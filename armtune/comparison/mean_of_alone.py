"""The mean of models that were tuned alone, one a modality: late fusion without any training."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from armtune.data import Dataset, Split
from armtune.data.folding import judged
from armtune.errors import RunError
from armtune.files import read_json, write_text
from armtune.recipe.schema import Recipe
from armtune.sweeps import Confirmation
from armtune.sweeps.workers.trial import OUTPUTS, Metrics
from armtune.targets import Target
from armtune.training.evaluation import Known, Tally

NAME = "mean-of-alone"
FILE = f"{NAME}.json"
CHUNK = 1024
"""Samples judged at a time: there are as many decisions on each as subsets of modalities."""

Places = Mapping[int, Mapping[str, Path]]
"""By seed, the folders of the modalities' re-trainings."""


def measure(recipe: Recipe, dataset: Dataset, places: Places) -> list[Confirmation]:
    """The mean of the models' predictions, seed by seed: probabilities, or values.

    The mean is that over the modalities that a sample has; so are the decisions on subsets, and
    the contributions, which are their Shapley values as those of any model are.

    Raises:
        RunError: what a model said of the samples isn't there, or can't be read.
    """
    found = []
    for seed, own in places.items():
        validation, test = (_measured(recipe, dataset, split, own) for split in OUTPUTS)
        found.append(Confirmation(seed, validation, test))
    return found


def write(folder: Path, failure: str, seeds: Sequence[Confirmation]) -> None:
    """Leaves what was measured in the comparison's folder."""
    content = {"failure": failure, "seeds": list(map(_plain, seeds))}
    write_text(folder / FILE, json.dumps(content, indent=2) + "\n")


def read(folder: Path) -> tuple[str, list[Confirmation]] | None:
    """What ``write`` left: why there is nothing, and each seed; None where it left nothing.

    Raises:
        RunError: it is damaged.
    """
    path = folder / FILE
    try:
        content = read_json(path)
        return str(content["failure"]), [_confirmation(each) for each in content["seeds"]]
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, LookupError, AttributeError) as error:
        raise RunError(f"{path}: damaged: {error}") from error


@torch.no_grad()
def _measured(recipe: Recipe, dataset: Dataset, split: str, places: Mapping[str, Path]) -> Metrics:
    """Metrics of the mean on a split, as of one model."""
    names, given, target = tuple(recipe.modalities), judged(dataset, split), dataset.target
    each = torch.stack([_said(places[m] / OUTPUTS[split], len(given), target) for m in names])
    there = torch.stack([_there(given, m) for m in names])
    labels = target.tensor(given.labels, "cpu", torch.float32)
    tally = Tally(Known(names, each[:1, 0]), target, recipe.metrics)
    for rows in torch.arange(len(given)).split(CHUNK):
        decided = torch.stack(list(_decisions(target, each[:, rows], there[:, rows])))
        present = {m: there[k : k + 1, rows] for k, m in enumerate(names) if m in given.present}
        tally.add(decided.unsqueeze(0), labels[rows].unsqueeze(0), present)
    return tally.metrics()[0]


def _decisions(target: Target, each: Tensor, there: Tensor) -> Iterator[Tensor]:
    """What ``evaluation.decisions`` gives of a network: on each subset, then on each modality.

    Args:
        each: the models' outputs, ``(modality, sample, output)``.
        there: which modalities samples have, ``(modality, sample)``.
    """
    count = len(each)
    for subset in range(1, 2**count):
        asked = torch.tensor([[bool(subset >> k & 1)] for k in range(count)])
        known = asked & there
        # Of a sample that has none of them, the models asked for say what they say of no data.
        used = torch.where(known.any(0), known, asked).to(each)
        yield target.mixed(each, used / used.sum(0))
    yield from each


def _said(path: Path, samples: int, target: Target) -> Tensor:
    """What a model of one modality says of a split, ``(sample, output)``."""
    try:
        outputs = load_file(path)["outputs"]
    except FileNotFoundError as error:
        raise RunError(f"{path}: missing, or too large to have been kept") from error
    except (OSError, SafetensorError, KeyError) as error:
        raise RunError(f"{path}: damaged: {error}") from error
    if outputs.shape[1:] != (samples, target.width):
        raise RunError(f"{path}: of other samples: {tuple(outputs.shape[1:])}")
    return outputs[0]


def _there(given: Split, modality: str) -> Tensor:
    if modality in given.present:
        return torch.tensor(given.present[modality])
    return torch.ones(len(given), dtype=torch.bool)


def _plain(seed: Confirmation) -> dict[str, Any]:
    """A seed as JSON can hold it."""
    splits = {
        split: {n: v if math.isfinite(v) else None for n, v in getattr(seed, split).items()}
        for split in OUTPUTS
    }
    return {"seed": seed.seed, **splits}


def _confirmation(content: Mapping[str, Any]) -> Confirmation:
    """Raises ValueError, TypeError, LookupError or AttributeError: it is none."""
    validation, test = (
        {str(n): math.nan if v is None else float(v) for n, v in content[split].items()}
        for split in OUTPUTS
    )
    return Confirmation(int(content["seed"]), validation, test)
