"""What is free, from files as the system writes them."""

from __future__ import annotations

from pathlib import Path

import pytest

from armtune.training import memory
from armtune.training.memory import free_memory


def test_this_machine_has_some() -> None:
    assert 0 < free_memory("cpu") < 2**63


@pytest.mark.parametrize(("limit", "free"), [("max", 9000 * 1024), ("500000", 320000)])
def test_a_containers_limit_counts_and_cached_files_are_free(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, free: int
) -> None:
    group = tmp_path / "groups" / "job"
    group.mkdir(parents=True)
    (group / "memory.max").write_text(limit + "\n")
    (group / "memory.current").write_text("200000\n")
    (group / "memory.stat").write_text("anon 170000\ninactive_file 20000\nactive_file 10\n")
    told = {
        "/proc/meminfo": "MemTotal: 16000 kB\nMemAvailable:    9000 kB\n",
        "/proc/self/cgroup": "0::/job\n",
    }
    monkeypatch.setattr(memory, "CGROUPS", tmp_path / "groups")
    read = memory._text
    monkeypatch.setattr(memory, "_text", lambda path: told.get(str(path)) or read(path))
    assert free_memory("cpu") == free
