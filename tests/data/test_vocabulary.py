"""The vocabulary: which words get a number, and what the rest become."""

from __future__ import annotations

import pytest

from armtune.data.vocabulary import learn_vocabulary, words_of

TEXTS = ["A pie, a PIE and a tart", "Grandma's pie — crème brûlée", "tart"]


def test_words_are_lower_cased_and_without_punctuation() -> None:
    assert words_of("Grandma's Crème-Brûlée, 2 (two)!") == [
        "grandma's", "crème", "brûlée", "2", "two",
    ]  # fmt: skip


def test_the_most_frequent_words_come_first_and_ties_by_alphabet() -> None:
    assert learn_vocabulary(TEXTS, 5).words == ("a", "pie", "tart", "and")


@pytest.mark.parametrize("size", [2, 4, 100])
def test_no_number_is_above_the_size(size: int) -> None:
    assert learn_vocabulary(TEXTS, size).encode(TEXTS, 9).max() <= size


def test_texts_are_padded_cut_and_strange_words_unknown() -> None:
    vocabulary = learn_vocabulary(TEXTS, 4)
    assert vocabulary.words == ("a", "pie", "tart")
    encoded = vocabulary.encode(["tart a tart pie pie", "a quiche", ""], 4)
    assert encoded.tolist() == [[4, 2, 4, 3], [2, 1, 0, 0], [0, 0, 0, 0]]
