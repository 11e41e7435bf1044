"""How much memory there is for data."""

from __future__ import annotations

import re
from pathlib import Path

import torch

CGROUPS = Path("/sys/fs/cgroup")


def free_memory(device: str | torch.device) -> int:
    """Bytes that a device has left: of a GPU's own memory, or of what this process may use.

    What torch keeps of a GPU's memory to hand out again counts as free. For the CPU it is what the
    system calls available, or what a container's limit leaves (cgroup version 2); what only caches
    files counts as free.
    """
    place = torch.device(device)
    if place.type == "cuda":
        kept = torch.cuda.memory_reserved(place) - torch.cuda.memory_allocated(place)
        return torch.cuda.mem_get_info(place)[0] + kept
    found = re.search(r"MemAvailable:\s+(\d+) kB", _text(Path("/proc/meminfo")))
    free = [int(found[1]) * 1024] if found else []
    return min([*free, *_left_in_groups()], default=2**63)


def _left_in_groups() -> list[int]:
    """What each group that this process is in leaves, where it has a limit."""
    own = re.search(r"^0::/(.*)$", _text(Path("/proc/self/cgroup")), re.MULTILINE)
    folder = CGROUPS / (own[1] if own else "")
    left = []
    for group in (folder, *folder.parents):
        limit = _text(group / "memory.max").strip()
        if limit.isdigit():
            files = re.search(r"^inactive_file (\d+)$", _text(group / "memory.stat"), re.MULTILINE)
            used = int(_text(group / "memory.current") or 0) - (int(files[1]) if files else 0)
            left.append(max(0, int(limit) - used))
        if group == CGROUPS:
            break
    return left


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError:
        return ""
