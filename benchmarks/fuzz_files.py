"""Mutants of files that data sets are made of: tables, pictures and sound."""

from __future__ import annotations

import random
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from armtune.data.formats.images import decode_picture
from armtune.data.formats.media import read_sound
from armtune.datasets.table import Table
from armtune.errors import ArmtuneError
from armtune.recipe.drafts.draft import Asked
from armtune.recipe.drafts.kinds import look
from armtune.recipe.drafts.write import write_draft
from armtune.recipe.space import load_sweep
from benchmarks.fuzz_mutants import TEXTS, scrambled

ROWS = 40
FORMATS = (
    ("PNG", "RGB"), ("PNG", "RGBA"), ("PNG", "P"), ("PNG", "LA"), ("PNG", "I;16"), ("PNG", "1"),
    ("JPEG", "RGB"), ("JPEG", "CMYK"), ("GIF", "P"), ("TIFF", "I;16"), ("TIFF", "F"), ("BMP", "L"),
    ("WEBP", "RGBA"), ("PPM", "RGB"), ("ICO", "RGBA"), ("TGA", "RGB"),
)  # fmt: skip
"""Formats of pictures, and a mode that each can hold."""
LABELS = (
    "01", "1", "1e3", "1000", "NA", "nan", "inf", "-0", "0", "10:00", "true", "a;b", "2024-01-01",
    "=1", "9" * 30, "1.5", "1,5", "[x]", "yes", "~", "\x1b[2J", "a.png", " a", "a",
)  # fmt: skip
LABEL_AT = 2
ENCODINGS = ("utf-8", "utf-8-sig", "latin-1", "utf-16", "utf-7", "cp1252", "shift_jis", "utf-32-be")


def table(folder: Path, draw: random.Random) -> None:
    """A table of text with other cells, heads, separators, encodings or bytes."""
    path = _mutant_table(folder, draw)
    options: dict[str, Any] = {"encoding": draw.choice(ENCODINGS)} if draw.random() < 0.5 else {}
    if draw.random() < 0.5:
        options |= {"groups": "patient"} if draw.random() < 0.5 else {"split": "split"}
    columns = {"image": ["image"], "audio": [draw.choice(("audio", "a*", "[", "*"))]}
    data_set = Table(
        path=path.name, columns=columns, missing=draw.choice(("error", "mean")), **options
    )
    data_set.read(["image", "audio"], folder, lambda *_: None)


def draft(folder: Path, draw: random.Random) -> None:
    """A recipe that is drafted of such a table; whatever is drafted is found in order."""
    path = _mutant_table(folder, draw)
    target = draw.choice((None, None, "classes", "labels", "values"))
    encoding = draw.choice(ENCODINGS) if draw.random() < 0.3 else "utf-8"
    asked = Asked(folder, draw.choice((None, "label", "audio")), target, encoding)
    to = folder / "draft.yaml"
    to.unlink(missing_ok=True)
    write_draft(look(path, asked), to, f"armtune init {path}")
    try:
        load_sweep(to)
    except ArmtuneError as error:
        raise AssertionError(f"what was drafted is refused: {error}") from error


def _mutant_table(folder: Path, draw: random.Random) -> Path:
    rows = [["image", "audio", "label", "split", "patient"]]
    rows += [[f"{k}", f"{k / 7:.3f}", "ab"[k % 2], "train", f"p{k % 10}"] for k in range(ROWS)]
    for _ in range(draw.choice((1, 1, 2, 8))):
        row = draw.choice(rows)
        if row:
            row[draw.randrange(len(row))] = draw.choice(
                (*TEXTS, "01", "NA", "10:00", "1e5", "validation")
            )
    if draw.random() < 0.2:
        del draw.choice(rows)[:]
    if draw.random() < 0.2:
        _replace_labels(rows, draw)
    ending = draw.choice(("csv", "tsv"))
    separator = draw.choice((",", "\t", ";", ",", "\t"))
    text = draw.choice(("\n", "\r\n", "\r")).join(separator.join(row) for row in rows)
    data = text.encode(draw.choice(ENCODINGS), "ignore")
    path = folder / f"table.{ending}"
    path.write_bytes(scrambled(data, draw) if draw.random() < 0.3 else data)
    return path


def _replace_labels(rows: list[list[str]], draw: random.Random) -> None:
    """Gives all rows labels of a few odd names."""
    names = draw.sample(LABELS, draw.choice((1, 2, 3)))
    for row in rows[1:]:
        if len(row) > LABEL_AT:
            row[LABEL_AT] = draw.choice(names)


def picture(folder: Path, draw: random.Random) -> None:
    """A picture of any format and mode with other bytes, or with odd notes."""
    from PIL import Image

    kind, mode = draw.choice(FORMATS)
    bits = np.random.default_rng(draw.randrange(100)).integers(0, 255, (9, 7, 3), np.uint8)
    made = Image.fromarray(bits)
    if mode == "I;16":
        made = Image.fromarray(bits[..., 0].astype(np.uint16) * 257)
    else:
        made = made.convert(mode)
    notes: dict[str, Any] = {}
    if kind in ("PNG", "JPEG", "WEBP", "TIFF") and draw.random() < 0.5:
        exif = Image.Exif()
        exif[0x0112] = draw.choice((1, 3, 6, 8, 0, 9, 65535))
        notes["exif"] = exif.tobytes()
    if kind == "PNG" and mode in ("RGB", "P", "1", "I;16") and draw.random() < 0.5:
        notes["transparency"] = (1, 2, 3) if mode == "RGB" else draw.choice((0, 1, 255))
    content = BytesIO()
    made.save(content, kind, **notes)
    data = content.getvalue()
    decode_picture(BytesIO(scrambled(data, draw) if draw.random() < 0.8 else data), 8, "it")


def sound(folder: Path, draw: random.Random) -> None:
    """A file of sound with other bytes."""
    import soundfile

    waves = (
        np.random.default_rng(0).normal(size=(draw.choice((0, 1, 400)), draw.choice((1, 2)))) / 9
    )
    kind = draw.choice(("WAV", "FLAC", "OGG", "AIFF", "AU"))
    content = BytesIO()
    soundfile.write(
        content, waves, draw.choice((1, 8000, 44100)) if kind != "OGG" else 8000, format=kind
    )
    path = folder / "sound.wav"
    path.write_bytes(scrambled(content.getvalue(), draw))
    read_sound(path, 8000)


FILES: dict[str, Callable[[Path, random.Random], None]] = {
    "table": table,
    "draft": draft,
    "picture": picture,
    "sound": sound,
}
