"""How Ray is started and left; the sweeps themselves are in ``test_ray_tune``."""

from __future__ import annotations

import os
import signal

import pytest

from armtune.errors import RunError
from armtune.sweeps.engines.ray_start import starting


def test_what_went_wrong_is_said_where_it_is_waited_for() -> None:
    with starting("127.0.0.1:1") as ready, pytest.raises(RunError, match="Connection refused"):
        ready()


def test_a_kill_ends_the_block_however_long_its_end_takes() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with starting("127.0.0.1:1"):
        signal.alarm(1000)  # as Ray's own handler does, which aborts the process then
        with pytest.raises(SystemExit, match="15"):
            os.kill(os.getpid(), signal.SIGTERM)
    assert signal.alarm(0) == 0
    assert signal.getsignal(signal.SIGTERM) == before
