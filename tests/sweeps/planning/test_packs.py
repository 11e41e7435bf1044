from __future__ import annotations

import pytest

from armtune.sweeps.planning.packs import pack_sizes, search_gain
from armtune.sweeps.workers.packing import Packing

FOUR = Packing(4, 2.0)
"""Four at once take as long as two."""


def test_trials_of_one_program_fill_packs() -> None:
    assert pack_sizes("aaaaaaaaa", 4) == [4, 4, 1]
    assert search_gain("aaaaaaaa", FOUR) == pytest.approx(2.0)
    assert search_gain("aaa", Packing()) == 1.0


def test_no_two_programs_share_a_pack() -> None:
    assert pack_sizes("abcd", 4) == [1, 1, 1, 1]
    assert search_gain("abcd", FOUR) == pytest.approx(1.0)


def test_trials_of_others_wait_for_their_pack() -> None:
    assert pack_sizes("abab", 2) == [2, 2]
    # Two of others wait; the next one is not drawn before the pack is larger.
    assert pack_sizes("abcda", 2) == [1, 1, 1, 1, 1]
    assert sum(pack_sizes("abcabcaabbcc", 3)) == 12
