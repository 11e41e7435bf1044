"""Texts as numbers: each word's place in a vocabulary that the training texts made."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray

WORD = re.compile(r"\w+(?:['’]\w+)*")
PADDING, UNKNOWN = 0, 1


@dataclass(frozen=True)
class Vocabulary:
    """Words by number: the first has number 2, after padding (0) and unknown words (1).

    Attributes:
        words: lower-cased, the most frequent first.
    """

    words: tuple[str, ...]

    @property
    def size(self) -> int:
        """The highest number of a word."""
        return len(self.words) + UNKNOWN

    def about(self) -> dict[str, list[str]]:
        """What it is, as JSON holds it."""
        return {"words": list(self.words)}

    def encode(self, texts: Sequence[str], length: int) -> NDArray[np.float32]:
        """Numbers of each text's first words, ``(text, length)``, the rest padding."""
        numbers = _Numbers((word, UNKNOWN + 1 + k) for k, word in enumerate(self.words))
        found = [words_of(text)[:length] for text in texts]
        words = chain.from_iterable(found)
        encoded = np.full((len(texts), length), PADDING, np.float32)
        there = np.arange(length) < np.array([len(own) for own in found])[:, None]
        encoded[there] = np.fromiter(map(numbers.__getitem__, words), np.float32)
        return encoded

    def decode(self, numbers: Sequence[int]) -> str:
        """The words of a text's numbers; unknown ones as "…"."""
        known = [n for n in numbers if n != PADDING]
        return " ".join("…" if n == UNKNOWN else self.words[n - UNKNOWN - 1] for n in known)


class _Numbers(dict[str, int]):
    """Numbers by word; other words share one."""

    def __missing__(self, word: str) -> int:
        return UNKNOWN


def words_of(text: str) -> list[str]:
    """The words of a text, lower-cased; punctuation is left out."""
    return WORD.findall(text.lower())


def learn_vocabulary(texts: Iterable[str], size: int) -> Vocabulary:
    """The most frequent words of these texts; of equally frequent ones the first by alphabet.

    Args:
        texts: the training texts only.
        size: the highest number that a word may get.
    """
    return most_frequent(Counter(word for text in texts for word in words_of(text)), size)


def most_frequent(counts: Mapping[str, int], size: int) -> Vocabulary:
    """The most frequent of words that were counted; see ``learn_vocabulary``."""
    ranked = sorted(counts, key=lambda word: (-counts[word], word))
    return Vocabulary(tuple(ranked[: size - UNKNOWN]))
