"""Prints the lowest versions that pyproject.toml allows, one requirement a line, for pip.

What stands in constraints.txt for torch is kept: its older builds are too large to try in passing.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import tomllib

ROOT = Path(__file__).parents[1]
KEPT = ("torch",)
REQUIREMENT = re.compile(r"(?P<name>[\w.-]+)(?P<extras>\[[\w,.-]+\])?(?P<versions>.*)")
LOWEST = re.compile(r">=\s*([\w.]+)")


def lowest(requirement: str, pinned: dict[str, str]) -> str:
    """The same requirement at its lowest version, or at the one that is pinned."""
    parts = REQUIREMENT.fullmatch(requirement.replace(" ", ""))
    if parts is None:
        raise ValueError(f"{requirement!r} is no requirement")
    floor = LOWEST.search(parts["versions"])
    if floor is None:
        raise ValueError(f"{requirement!r} names no lowest version")
    version = pinned.get(parts["name"], floor[1])
    return f"{parts['name']}{parts['extras'] or ''}=={version}"


def pins(constraints: str) -> dict[str, str]:
    """Versions of the packages that are kept as constraints have them."""
    found = dict(line.split("==", 1) for line in constraints.splitlines() if "==" in line)
    return {name: found[name].strip() for name in KEPT}


def main(extras: list[str]) -> None:
    """Prints the requirements of the project itself, and of these extras."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    pinned = pins((ROOT / "constraints.txt").read_text(encoding="utf-8"))
    optional = [one for extra in extras for one in project["optional-dependencies"][extra]]
    print("\n".join(lowest(one, pinned) for one in [*project["dependencies"], *optional]))


if __name__ == "__main__":
    main(sys.argv[1:])
