"""``program.json``: the graph's operations, which ``armtune predict`` runs without torch."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from torch._ops import OpOverload
from torch.export.graph_signature import InputKind
from torch.fx import Node

from armtune.bundle.engine import CantExport, Engine, Floats, Present, Views
from armtune.bundle.manifest import DECISIONS, PROGRAM, Part
from armtune.bundle.program import OPERATORS, Program
from armtune.bundle.serving import Exported
from armtune.errors import RunError

FILE = PROGRAM
_WEIGHT = re.compile(
    r"(?:parts\.(?P<part>\d+)\.)?(?:network\.(?P<weight>.+)|(?P<what>mean|std|rotation|select|starts|widths)_(?P<number>\d+)|decisions)"
)
"""A parameter or buffer of what serves."""


def write(exported: Exported, folder: Path) -> None:
    """Writes the operations; weights stay where they are, and are named.

    Raises:
        CantExport: an operator has no numpy version.
    """
    nodes = list(exported.program.graph.nodes)
    calls = [node for node in nodes if node.op == "call_function"]
    unknown = {_operator(node) for node in calls} - set(OPERATORS)
    if unknown:
        raise CantExport(f"no numpy version of {', '.join(sorted(unknown))}")
    output = next(node for node in nodes if node.op == "output")
    program = {
        **_inputs(exported, {name for node in calls for name in map(str, node.all_input_nodes)}),
        "nodes": [
            [node.name, _operator(node), _plain(list(node.args)), _plain(node.kwargs)]
            for node in calls
        ],
        "result": output.args[0][0].name,
        **({"members": True} if exported.stacked else {}),
    }
    (folder / FILE).write_text(json.dumps(program), encoding="utf-8")


def load(folder: Path) -> Engine:
    """The program, as prediction runs it.

    Raises:
        CantExport: an operator is used in a way that has no numpy version.
    """
    program = Program(folder)

    def run(views: Views, present: Present) -> Floats:
        try:
            return program(views, present)
        except RunError as error:
            raise CantExport(f"no numpy version of {error.__cause__ or error}") from error

    return run


def _inputs(exported: Exported, used: set[str]) -> dict[str, dict[str, Any]]:
    """Where the graph's inputs come from: weights by file and key, samples by modality."""
    specs = exported.program.graph_signature.input_specs
    learnt = [s for s in specs if s.kind is not InputKind.USER_INPUT]
    given = [s.arg.name for s in specs if s.kind is InputKind.USER_INPUT]
    count = len(exported.modalities)
    return {
        "weights": {
            s.arg.name: _stored(str(s.target), exported) for s in learnt if s.arg.name in used
        },
        "views": dict(zip(given[:count], exported.modalities, strict=True)),
        "present": dict(zip(given[count:], exported.modalities, strict=True)),
    }


def _stored(target: str, exported: Exported) -> tuple[str, str]:
    """The file and key of a parameter or buffer of the served module.

    Raises:
        CantExport: it is a constant that no file holds.
    """
    found = _WEIGHT.fullmatch(target)
    if not found:
        raise CantExport(f"the constant {target} stands in no file")
    part = Part.at(int(found["part"] or 0))
    if found["weight"]:
        return part.model, found["weight"]
    if not found["what"]:
        return part.preprocessing, DECISIONS
    return part.preprocessing, f"{found['what']}/{exported.modalities[int(found['number'])]}"


def _operator(node: Node) -> str:
    target: Any = node.target
    if isinstance(target, OpOverload):
        return str(target)
    return f"{target.__module__}.{target.__name__}"


def _plain(argument: Any) -> Any:
    """An argument as JSON holds it."""
    if isinstance(argument, Node):
        return {"value": argument.name}
    if isinstance(argument, list | tuple):
        return [_plain(part) for part in argument]
    if isinstance(argument, dict):
        return {key: _plain(part) for key, part in argument.items()}
    if argument is None or isinstance(argument, bool | int | float | str):
        return argument
    raise CantExport(f"no numpy version of the argument {argument}")
