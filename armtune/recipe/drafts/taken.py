"""Arrays or columns that become modalities, one each, and those that don't."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod

from armtune.recipe.drafts.draft import MOST, Line, name_of

LARGE = 1 << 14
"""Numbers a sample from which an encoder is likely to take long."""


class Taken:
    """What was taken of the data, and what was left out.

    Attributes:
        sources: the array or column of each modality.
        shapes: of each modality's samples.
        lacking: how many samples lack a modality, where some do.
        left_out: sentences on the others.
    """

    def __init__(self) -> None:
        self.sources: dict[str, str] = {}
        self.shapes: dict[str, tuple[int, ...]] = {}
        self.lacking: dict[str, int] = {}
        self.left_out: list[str] = []

    @property
    def full(self) -> str:
        """Why no modality can be taken any more; empty while one can."""
        return f"a recipe has {MOST} modalities at most" if len(self.sources) == MOST else ""

    @property
    def slow(self) -> bool:
        """Whether samples are images, or as large as such."""
        return any(len(s) > 2 or prod(s) >= LARGE for s in self.shapes.values())

    def take(self, source: str, shape: tuple[int, ...], lacking: int) -> None:
        """Makes a modality of an array or column."""
        name = name_of(source, self.sources, "view")
        self.sources[name], self.shapes[name] = source, shape
        if lacking:
            self.lacking[name] = lacking

    def leave(self, source: str, why: str) -> None:
        """Says why one is left out."""
        self.left_out.append(f"{source} is left out: {why}")

    def naming(self, option: str) -> Iterator[Line]:
        """The option that says what each modality is, where names don't."""
        if any(name != source for name, source in self.sources.items()):
            yield Line(option, self.sources, "where each modality is")

    def absent(self) -> Iterator[Line]:
        """The option for samples that lack a modality, where some do."""
        if self.lacking:
            told = ", ".join(f"{name} in {count}" for name, count in self.lacking.items())
            yield Line("absent", "keep", f"samples lack a modality ({told}), and are kept")

    def modalities(self) -> list[Line]:
        """A line for each modality, with its samples' shape."""
        auto = {"encoder": {"name": "auto"}}
        return [Line(n, auto, " × ".join(map(str, shape))) for n, shape in self.shapes.items()]
