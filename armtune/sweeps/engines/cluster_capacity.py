"""How many trials the nodes of a Ray cluster have room for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from armtune.errors import RunError
from armtune.recipe.schema import Resources

UNITS = {"CPU": "CPU cores", "GPU": "GPUs"}

Nodes = Sequence[Mapping[str, Any]]
"""As ``ray.nodes()`` tells them."""


def capacity(nodes: Nodes, resources: Resources) -> int:
    """Trials that can train at once."""
    return _workers(nodes, resources) // resources.workers


def places(nodes: Nodes, resources: Resources) -> int:
    """As ``capacity``, at least one."""
    return max(1, capacity(nodes, resources))


def check_capacity(nodes: Nodes, resources: Resources) -> None:
    """Refuses a trial that would wait for ever.

    Raises:
        RunError: the nodes have less than a trial reserves.
    """
    for name, amount in _wanted(resources).items():
        wanted, had = resources.workers * amount, sum(there.get(name, 0) for there in _had(nodes))
        if wanted > had:
            said = f"a trial reserves {wanted:g} {UNITS[name]}, Ray has {had:g}"
            raise RunError(f"sweep.resources: {said}")
    if (found := _workers(nodes, resources)) < resources.workers:
        each = " and ".join(f"{amount:g} {UNITS[n]}" for n, amount in _wanted(resources).items())
        said = f"a trial needs {resources.workers} times {each}, each on one node"
        raise RunError(f"sweep.resources: {said}; Ray has room for {found}")


def _workers(nodes: Nodes, resources: Resources) -> int:
    """Workers that there is room for; each finds all it needs on one node."""
    wanted = _wanted(resources)
    return sum(
        min(_times(had.get(name, 0), amount, name) for name, amount in wanted.items())
        for had in _had(nodes)
    )


def _times(had: float, amount: float, name: str) -> int:
    """How often a node has an amount; a part of a GPU is a part of one GPU."""
    if name == "GPU" and amount < 1:
        return int(had) * int(1 / amount)
    return int(had / amount)


def _wanted(resources: Resources) -> dict[str, float]:
    """What a worker reserves, under Ray's names."""
    wanted = {"CPU": resources.cpu, "GPU": resources.gpu}
    return {name: amount for name, amount in wanted.items() if amount}


def _had(nodes: Nodes) -> list[Mapping[str, float]]:
    return [node["Resources"] for node in nodes if node["Alive"]]
