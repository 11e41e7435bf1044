"""Processes that train together come to what one process alone comes to, whatever the method."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from armtune.training.data_parallel import Share

sys.path.insert(0, str(Path(__file__).parent))
from data_parallel_process import CASES, trained

PROCESSES = 2


@pytest.fixture(scope="module")
def together(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which two processes left what they came to, case by case."""
    folder = tmp_path_factory.mktemp("together")
    script = Path(__file__).with_name("data_parallel_process.py")
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    started = [
        subprocess.Popen(
            [sys.executable, script, str(rank), str(PROCESSES), folder],
            env=environment,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(PROCESSES)
    ]
    said = [process.communicate(timeout=250)[1] for process in started]
    assert [process.returncode for process in started] == [0] * PROCESSES, said
    return folder


def test_each_encodes_its_share_and_sees_all(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[torch.Tensor] = []

    def gather(parts: list[torch.Tensor], own: torch.Tensor) -> None:
        seen.append(own)
        for part in parts:
            part.copy_(own)

    monkeypatch.setattr("armtune.training.data_parallel.distributed.all_gather", gather)
    encoder, shared = torch.nn.Identity(), Share(1, 3)
    encoder.register_forward_pre_hook(shared.take)
    encoder.register_forward_hook(shared.join)
    views = torch.arange(8.0).view(1, 8, 1).requires_grad_()
    features = encoder(views)
    assert seen[0].flatten().tolist() == [3, 4, 5]
    assert features.flatten().tolist() == [3, 4, 5, 3, 4, 5, 3, 4]
    features.sum().backward()
    assert views.grad is not None
    assert views.grad.flatten().tolist() == [0, 0, 0, 1, 1, 1, 0, 0]


@pytest.mark.parametrize("case", CASES)
def test_results_are_those_of_one_process(case: str, together: Path) -> None:
    alone = trained(case)
    for rank in range(PROCESSES):
        found = load_file(together / f"{case}-{rank}.safetensors")
        assert found.keys() == alone.keys()
        for name, tensor in alone.items():
            torch.testing.assert_close(found[name], tensor, rtol=0, atol=1e-10, equal_nan=True)
