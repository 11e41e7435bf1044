"""How ``fuzz.py`` changes what is valid: plain data by its structure, and bytes."""

from __future__ import annotations

import random
import struct
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

ODD: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2**31, 2**32, 2**63, 10**40, 0.5, -0.0, 1e-310, 1e308, "", " ",
    "*", "[key]", "[/red]", "\x1b[31m", "\0", "=1+1", "x" * 300, "a" * 30_000, "9" * 20_000,
    " " * 60_000, "../../etc", "/", "~nobody", ".", "a.b", "ü", "\u202e", "\ud800", [], {}, [[]],
    {"name": "arm"}, {"name": []}, {"name": None}, ["*"], {"*": 1}, {"[key]": {}}, list(range(3)),
    "maximize accuracy", "accuracy >= 0.1", "knee", "none", "lenet", "2024-01-01", "1e999",
)  # fmt: skip
"""Values that have been trouble somewhere, or might be."""
TEXTS = tuple(odd for odd in ODD if isinstance(odd, str))


def mutated(content: Any, draw: random.Random) -> Any:
    """Plain data with one to four changes somewhere in it."""
    for _ in range(draw.choice((1, 1, 2, 4))):
        holders = list(_holders(content))
        if not holders:
            return draw.choice(ODD)
        _change(draw.choice(holders), draw)
    return content


def _holders(content: Any) -> Iterator[dict[str, Any] | list[Any]]:
    if isinstance(content, dict | list) and content:
        yield content
        for part in content.values() if isinstance(content, dict) else content:
            yield from _holders(part)


def _change(holder: dict[str, Any] | list[Any], draw: random.Random) -> None:
    keys = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
    key, way = draw.choice(keys), draw.randrange(7)
    value = holder[key]  # type: ignore[index]
    if way == 0:
        del holder[key]  # type: ignore[arg-type]
    elif way == 1 and isinstance(holder, dict):
        holder[draw.choice(TEXTS)] = holder.pop(key)  # type: ignore[arg-type]
    elif way == 2 and isinstance(holder, list):
        holder[:] = holder * draw.choice((2, 10, 500))
    elif way == 3:
        holder[key] = holder[draw.choice(keys)]  # type: ignore[index]
    elif way == 4 and isinstance(value, int | float) and not isinstance(value, bool):
        holder[key] = value * draw.choice((-1, 0, 10, 1e9))  # type: ignore[index]
    elif way == 5 and isinstance(value, str):
        holder[key] = _text(value, draw)  # type: ignore[index]
    else:
        # A copy: the next change may be to what is put in here.
        holder[key] = deepcopy(draw.choice(ODD))  # type: ignore[index]


def _text(value: str, draw: random.Random) -> str:
    at = draw.randrange(len(value) + 1)
    odd = draw.choice(TEXTS)
    return draw.choice((value[:at], value[:at] + odd + value[at:], value * 50, odd))


def scrambled(data: bytes, draw: random.Random) -> bytes:
    """Bytes of which some are other ones, gone, or there twice."""
    found = bytearray(data)
    for _ in range(draw.randint(1, 6)):
        at = draw.randrange(len(found) + 1)
        size = draw.choice((1, 1, 4, 40))
        way = draw.randrange(4)
        if way == 0:
            found[at : at + size] = draw.randbytes(size)
        elif way == 1:
            del found[at : at + size]
        elif way == 2:
            found[at:at] = found[at : at + size * 20]
        else:
            found[at : at + 4] = struct.pack("<I", draw.choice((0, 2**31, 2**32 - 1)))
    return bytes(found)
