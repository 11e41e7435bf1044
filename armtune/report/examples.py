"""Samples that joining the modalities made right, or wrong, as the report's page shows them."""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from armtune.data.formats.png import SIGNATURE
from armtune.files import read_json
from armtune.sweeps.study.folder import EXAMPLES

KINDS = {
    "together": "Right together, wrong by {modality} alone",
    "alone": "Right by {modality} alone, wrong together",
}
READ = {
    "together": "What {modality} alone gets wrong and the model with all modalities gets right: "
    "here the others are worth having.",
    "alone": "What {modality} alone gets right and the model with all modalities gets wrong: here "
    "the others mislead it.",
}
MOST_SAMPLES = 12
"""Of one kind of one modality."""
MOST_PICTURE = 1 << 14
"""Letters of a picture in base64."""
MOST_TEXT = 200
MOST_NAMED = 5
"""Labels of a sample that are named."""
BASE64 = re.compile(r"[A-Za-z0-9+/]+={0,2}")

Previews = Mapping[int, Mapping[str, Mapping[str, str]]]
"""By sample what each of its modalities looks like: a ``picture``, or a ``text``."""


def read_previews(folder: Path, digest: str, split: str) -> Previews:
    """What samples look like; nothing where a run doesn't tell, or tells of others.

    Args:
        folder: the run's.
        digest: of the data that the winner was judged on.
        split: of these data.
    """
    try:
        about = read_json(folder / EXAMPLES)
        if (about["data"], about["split"]) != (digest, split):
            return {}
        return {int(n): _whole(found) for n, found in about["samples"].items()}
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return {}


def _whole(found: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    return {str(m): _preview(about) for m, about in found.items()}


def _preview(about: Mapping[str, Any]) -> dict[str, str]:
    """A preview, if it is what an export writes.

    Raises:
        ValueError, LookupError, TypeError: it isn't.
    """
    if "picture" not in about:
        return {"text": str(about["text"])[:MOST_TEXT]}
    picture = about["picture"]
    if len(picture) > MOST_PICTURE or not BASE64.fullmatch(picture):
        raise ValueError("is no small picture")
    if not b64decode(picture).startswith(SIGNATURE):
        raise ValueError("is no PNG file")
    return {"picture": picture}


def check_examples(examples: Any, width: int) -> None:
    """Refuses what no export writes.

    Args:
        width: classes or labels that there are.

    Raises:
        ValueError: it is that.
    """
    for kinds in dict(examples).values():
        for kind, entries in dict(kinds).items():
            if kind not in KINDS or len(entries) > MOST_SAMPLES:
                raise ValueError(f"{kind!r} with {len(entries)} samples is no kind of examples")
            for entry in entries:
                said = [k for key in ("true", "told", "alone") for k in entry[key]]
                if any(type(k) is not int or not 0 <= k < width for k in said):
                    raise ValueError("an example is of classes that aren't there")
                if type(entry["sample"]) is not int:
                    raise ValueError("an example has no number")


def sections(judged: Mapping[str, Any]) -> Iterator[str]:
    """A section of the page for each kind of samples that there are."""
    outcomes = judged.get("outcomes", {})
    for modality, kinds in outcomes.get("examples", {}).items():
        for kind, title in KINDS.items():
            if kinds.get(kind):
                told = escape(READ[kind].format(modality=modality))
                yield f"<section><h2>{escape(title.format(modality=modality))}</h2>"
                yield '<div class="samples">'
                yield from (_figure(judged, modality, entry) for entry in kinds[kind])
                yield f'</div><p class="read">{told}</p></section>'


def _figure(judged: Mapping[str, Any], modality: str, entry: Mapping[str, Any]) -> str:
    """A sample: what it looks like, what is true, and what is said of it."""
    names = list(map(str, judged["target"]["names"]))
    number, split = entry["sample"], judged["outcomes"].get("split", "validation")
    looks = judged.get("previews", {}).get(number, {})
    shown = "".join(_shown(m, about, number) for m, about in looks.items())
    lines = [
        f"{split} sample {number}: {_named(names, entry['true'])}",
        f"together: {_named(names, entry['told'])}",
        f"{modality} alone: {_named(names, entry['alone'])}",
    ]
    said = "<br>".join(map(escape, lines))
    return f"<figure>{shown}<figcaption>{said}</figcaption></figure>"


def _shown(modality: str, about: Mapping[str, str], number: int) -> str:
    if "picture" in about:
        text = escape(f"{modality} of sample {number}")
        return f'<img alt="{text}" title="{text}" src="data:image/png;base64,{about["picture"]}">'
    return f"<p>{escape(modality)}: {escape(about['text'])}</p>"


def _named(names: Sequence[str], numbers: Sequence[int]) -> str:
    more = f", … ({len(numbers)})" if len(numbers) > MOST_NAMED else ""
    return ", ".join(names[k] for k in numbers[:MOST_NAMED]) + more or "none"
