"""Tiny files of UPMC Food-101's published layout."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
from PIL import Image

DISHES = {"apple_pie": (200, 60, 40), "caesar_salad": (60, 200, 40), "waffles": (200, 180, 60)}
EACH = {"train": 20, "test": 5}


def write(base: Path) -> Path:
    """Files of the published layout, a colour and a word for each dish."""
    rng = np.random.default_rng(0)
    (base / "texts").mkdir(parents=True)
    for split, count in EACH.items():
        lines = []
        for dish, colour in DISHES.items():
            (base / "images" / split / dish).mkdir(parents=True)
            for number in range(count):
                name = f"{dish}_{split}_{number}.jpg"
                noise = rng.integers(-40, 40, (24, 32, 3))
                pixels = np.clip(np.array(colour) + noise, 0, 255).astype(np.uint8)
                Image.fromarray(pixels).save(base / "images" / split / dish / name)
                title = f'The "best" {dish.replace("_", " ")}, {split} {number}'
                lines.append([name, title, dish])
        with (base / "texts" / f"{split}_titles.csv").open("w", newline="") as file:
            csv.writer(file).writerows(lines)
    return base
