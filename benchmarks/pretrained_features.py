"""What pretrained features add: the same cuts of a table with them and without.

    python -m benchmarks.pretrained_features openmoji.csv --words FOLDER --cuts 5

``FOLDER`` holds vectors of tokens (``model.safetensors``) and their ``tokenizer.json``. Needs the
packages that ``examples/pretrained_pictures`` names. Prints accuracy on test of each cut, and the
mean difference to the recipe without with its 95 % interval over cuts.
"""

from __future__ import annotations

import argparse
import hashlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import stats

from armtune.datasets._load import load_dataset
from armtune.encoders import _frozen
from armtune.recipe.automatic import resolved
from armtune.recipe.schema import Recipe, add_file
from armtune.training.loop import Run, train

PLUGIN = Path(__file__).parents[1] / "examples" / "pretrained_pictures" / "efficientnet.py"
TEXTS, FACTS = ["annotation", "tags"], ["artist", "drawn", "unicode"]
Encoders = dict[str, dict[str, Any]]


def variants(words: Path) -> dict[str, Encoders]:
    """Encoders by modality: without pretrained ones, with them, and with words counted too."""
    pictures = {"name": "efficientnet_lite0", "width": 64}
    texts = {"name": "static_embeddings", "path": str(words), "width": 64}
    auto = {"name": "auto"}
    return {
        "without": {"image": auto, "words": auto, "facts": auto},
        "with": {"image": pictures, "text": texts, "facts": auto},
        "with, and words": {"image": pictures, "text": texts, "words": auto, "facts": auto},
    }


def kept(all_of: dict[str, Encoders], asked: argparse.Namespace) -> dict[str, Encoders]:
    """The variants that were asked for."""
    if asked.pictures_alone:
        return {name: {"image": all_of[name]["image"]} for name in ("without", "with")}
    left_out = {"image"} if asked.no_pictures else set()
    return {
        name: {m: e for m, e in encoders.items() if m not in left_out}
        for name, encoders in all_of.items()
    }


def recipe_of(table: Path, words: Path, encoders: Encoders, cut: int) -> Recipe:
    """A recipe for one cut; all settings but the encoders are the same."""
    columns = {"image": ["image"], "text": TEXTS, "words": TEXTS, "facts": FACTS}
    pretrained = encoders.get("image", {}).get("name") == "efficientnet_lite0"
    data = {
        "name": "table",
        "path": str(table),
        "label": "group",
        "columns": {m: columns[m] for m in encoders},
        "missing": "indicator",
        "absent": "keep",
        "image_size": 64 if pretrained else 32,
        "tokenizers": {"text": str(words)} if "text" in encoders else {},
        "seed": cut,
    }
    training = {
        "epochs": 30,
        "batch_size": 64,
        "folds": 1,
        "seed": cut,
        "optimizer": {"name": "adamw", "lr": 3e-3, "weight_decay": 0.1},
    }
    return Recipe.model_validate(
        {
            "name": "pretrained",
            "plugins": [str(PLUGIN)],
            "data": data,
            "modalities": {m: {"encoder": encoder} for m, encoder in encoders.items()},
            "fusion": {"name": "late", "dim": 64},
            "balancing": {"name": "auxiliary" if len(encoders) > 1 else "none"},
            "training": training,
        }
    )


def remembering(encode: Callable[..., NDArray[np.float32]]) -> Callable[..., NDArray[np.float32]]:
    """The same, but of a sample that another cut had already it knows the features."""
    known: dict[tuple[str, bytes], NDArray[np.float32]] = {}

    def remembered(
        module: torch.nn.Module, samples: NDArray[np.float32], device: str = "cpu"
    ) -> NDArray[np.float32]:
        keys = [(str(type(module)), hashlib.sha256(s.tobytes()).digest()) for s in samples]
        new = [k for k, key in enumerate(keys) if key not in known]
        if new:
            found = encode(module, samples[new], device)
            known.update((keys[k], own) for k, own in zip(new, found, strict=True))
        return np.stack([known[key] for key in keys])

    return remembered


def accuracy(recipe: Recipe, folder: Path) -> float:
    """On test, at the best epoch by validation."""
    dataset = load_dataset(recipe, folder)
    run = Run([resolved(recipe, dataset, folder)], dataset)
    train(run, lambda *_: None)
    return run.test()[0]["accuracy"]


def told(name: str, scores: list[float], without: list[float]) -> str:
    """A line on one variant."""
    line = f"{name:16}{100 * np.mean(scores):6.1f} %  " + " ".join(f"{100 * s:.1f}" for s in scores)
    if scores is without:
        return line
    apart = 100 * (np.array(scores) - without)
    half = stats.t.ppf(0.975, len(apart) - 1) * stats.sem(apart)
    return f"{line}  difference {apart.mean():+.1f} ± {half:.1f}"


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("table", type=Path)
    parser.add_argument("--words", type=Path, required=True)
    parser.add_argument("--cuts", type=int, default=5)
    parser.add_argument("--no-pictures", action="store_true", help="texts and facts only")
    parser.add_argument("--pictures-alone", action="store_true", help="no texts, no facts")
    asked = parser.parse_args()
    add_file(PLUGIN)
    torch.set_num_threads(1)
    _frozen.encoded = remembering(_frozen.encoded)
    scores: dict[str, list[float]] = {}
    for cut in range(asked.cuts):
        for name, encoders in kept(variants(asked.words), asked).items():
            begun = time.perf_counter()
            recipe = recipe_of(asked.table.resolve(), asked.words.resolve(), encoders, cut)
            scores.setdefault(name, []).append(accuracy(recipe, asked.table.parent))
            took = time.perf_counter() - begun
            print(f"cut {cut} {name}: {scores[name][-1]:.4f} ({took:.0f} s)", flush=True)
    for name, own in scores.items():
        print(told(name, own, scores["without"]))


if __name__ == "__main__":
    main()
