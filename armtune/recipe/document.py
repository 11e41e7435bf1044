"""YAML 1.2 text to plain data, with the place of every key and value.

PyYAML follows YAML 1.1, where ``1e-3`` is text, ``no`` is false, ``012`` is octal and a repeated
key wins silently. Here its scanner and parser are used, with the scalars of YAML 1.2's core schema.
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from armtune.errors import Fault, RecipeError

Steps = tuple[str | int, ...]
"""The way to a place in a document: keys of mappings and indices of lists."""

MOST_BYTES = 500_000
"""Length of a file above which it is refused: what it holds would take seconds to read."""
MOST_NODES = 100_000
"""Values in a document, aliases written out, above which it is refused."""
MOST_ENTRIES = 1_000
"""Entries of one mapping or list above which it is refused: each may be at fault by itself."""
MOST_WHOLE = (1 << 63) - 1
"""Whole numbers beyond are refused: no library that gets them counts further."""
MOST_DEPTH = 1_000
"""Brackets up to which libyaml reads a text: it has no guard against nesting."""

_TAG = "tag:yaml.org,2002:"
_SCALARS = {
    "null": re.compile(r"(?:~|null|Null|NULL|)\Z"),
    "bool": re.compile(r"(?:true|True|TRUE|false|False|FALSE)\Z"),
    "int": re.compile(r"(?:[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+)\Z"),
    "float": re.compile(
        r"(?:[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?"
        r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))\Z"
    ),
}
RESOLVERS = [(_TAG + name, pattern) for name, pattern in _SCALARS.items()]

_PLAIN_WORDS = (
    ("character '\\t'", "a tab can't indent; use spaces"),
    ("mapping values are not allowed", "a colon where no key can be; check the indentation"),
    ("expected <block end>", "the indentation doesn't match the lines above"),
    ("expected ',' or ']'", "a list that opens with [ is not closed"),
    ("expected ',' or '}'", "a mapping that opens with { is not closed"),
    ("found '<stream end>'", "the text ends before a bracket is closed"),
    ("unexpected end of stream", "the text ends before a quote is closed"),
    ("expected a single document", "one document a file; take out the line ---"),
)


class _Loader(yaml.SafeLoader):
    yaml_implicit_resolvers = {None: RESOLVERS}  # noqa: RUF012 (PyYAML's own attribute)


class _FastLoader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    yaml_implicit_resolvers = {None: RESOLVERS}  # noqa: RUF012 (PyYAML's own attribute)


@dataclass(frozen=True)
class Place:
    """Where something stands: a file, and a line and column counted from 1 (0 when unknown)."""

    file: str = ""
    line: int = 0
    column: int = 0


@dataclass
class Document:
    """Plain data and where each piece of it stands.

    Attributes:
        content: mappings, lists and scalars.
        keys: place of each key of a mapping.
        values: place of each value.
        faults: what is wrong with the document itself, such as repeated keys.
    """

    content: Any
    keys: dict[Steps, Place] = field(default_factory=dict)
    values: dict[Steps, Place] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)

    def fault(self, steps: Steps, message: str, hint: str = "", at_key: bool = False) -> Fault:
        """A fault at a value, or at its key; at the nearest mapping around it if it is missing."""
        place = self._key(steps) if at_key else self._value(steps)
        return Fault(message, dotted(steps), place.file, place.line, place.column, hint)

    def place(self, steps: Steps, value: Place) -> None:
        """Says that the value at ``steps`` now comes from somewhere else."""
        for table in (self.keys, self.values):
            for old in [s for s in table if s[: len(steps)] == steps]:
                del table[old]
            table[steps] = value

    def _key(self, steps: Steps) -> Place:
        return self.keys.get(steps) or self._value(steps)

    def _value(self, steps: Steps) -> Place:
        around = (steps[:size] for size in range(len(steps), -1, -1))
        return next((self.values[s] for s in around if s in self.values), Place())


def dotted(steps: Steps) -> str:
    """``sweep.objectives[1]`` for ``("sweep", "objectives", 1)``."""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps)
    return text.removeprefix(".")


def read_document(path: Path, name: str = "") -> Document:
    """Reads a YAML file.

    Args:
        path: the file.
        name: what to call it in faults; the path if empty.

    Raises:
        RecipeError: it can't be read at all. Smaller faults are in the document's ``faults``.
    """
    name = name or str(path)
    document = _compose(_decode(_bytes(path, name), name), name)
    if document.content is None:
        raise _fault(name, "is empty")
    return document


def read_value(text: str, name: str) -> Any:
    """The plain value of a short piece of YAML, such as ``1e-3`` or ``[a, b]``.

    Raises:
        RecipeError: it isn't YAML; ``name`` says where it came from.
    """
    document = _compose(text, name)
    if document.faults:
        raise RecipeError(document.faults)
    return document.content


def _bytes(path: Path, name: str) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except FileNotFoundError:
        raise _fault(name, "there is no such file") from None
    except IsADirectoryError:
        raise _fault(name, "is a folder; name the YAML file in it") from None
    except OSError as error:
        raise _fault(name, f"can't be read: {error.strerror}") from None
    if len(data) > MOST_BYTES:
        raise _fault(name, f"is longer than {MOST_BYTES // 1000} kB, which no recipe is")
    return data


def _decode(data: bytes, name: str) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start]
        column = len(before.rpartition(b"\n")[2].decode("utf-8")) + 1
        place = Place(name, before.count(b"\n") + 1, column)
        raise _fault(place, "is not text in UTF-8") from None


def _compose(text: str, name: str) -> Document:
    try:
        node = _node(text)
        return _Reader(name).document(node)
    except yaml.reader.ReaderError as error:
        before = text[: error.position]
        place = Place(name, before.count("\n") + 1, len(before.rpartition("\n")[2]) + 1)
        raise _fault(place, f"has a character that YAML forbids, U+{error.character:04X}") from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise _fault(_place(name, mark), _syntax(error)) from None
    except RecursionError:
        raise _fault(name, "is nested too deeply") from None


def _node(text: str) -> yaml.Node | None:
    """The text's nodes; libyaml reads ten times as fast, PyYAML says better what is wrong."""
    brackets = text.count("[") + text.count("{")
    dashes = max((line.count("- ") + line.count("? ") for line in text.splitlines()), default=0)
    if brackets + dashes <= MOST_DEPTH:
        with suppress(yaml.YAMLError, UnicodeEncodeError):
            return yaml.compose(text, Loader=_FastLoader)
    return yaml.compose(text, Loader=_Loader)


def _syntax(error: yaml.MarkedYAMLError) -> str:
    said = f"{error.context or ''} {error.problem or ''}"
    known = (words for mark, words in _PLAIN_WORDS if mark in said)
    return next(known, f"can't be read as YAML: {error.problem or error.context}")


def _fault(where: Place | str, message: str) -> RecipeError:
    place = Place(where) if isinstance(where, str) else where
    return RecipeError([Fault(message, "", place.file, place.line, place.column)])


def _place(name: str, mark: yaml.Mark | None) -> Place:
    return Place(name, mark.line + 1, mark.column + 1) if mark else Place(name)


class _Reader:
    """Turns PyYAML's nodes into a document."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.result = Document(None)
        self.open: list[yaml.Node] = []

    def document(self, node: yaml.Node | None) -> Document:
        if node is None:
            self.result.values[()] = Place(self.name)
        else:
            self.result.content = self.read(node, ())
        return self.result

    def read(self, node: yaml.Node, steps: Steps) -> Any:
        self.result.values[steps] = _place(self.name, node.start_mark)
        if len(self.result.values) > MOST_NODES:
            raise _fault(self.name, f"holds more than {MOST_NODES} values; is an alias repeated?")
        if node in self.open:
            return self.refuse(steps, "an alias can't hold itself")
        self.open.append(node)
        value = self.value(node, steps)
        self.open.pop()
        return value

    def value(self, node: yaml.Node, steps: Steps) -> Any:
        if isinstance(node, yaml.CollectionNode) and self.too_many(node, steps):
            return {} if isinstance(node, yaml.MappingNode) else []
        if isinstance(node, yaml.MappingNode) and node.tag == _TAG + "map":
            return self.mapping(node, steps)
        if isinstance(node, yaml.SequenceNode) and node.tag == _TAG + "seq":
            return [self.read(item, (*steps, i)) for i, item in enumerate(node.value)]
        if isinstance(node, yaml.ScalarNode):
            return self.scalar(node, steps)
        return self.refuse_tag(node, steps)

    def too_many(self, node: yaml.CollectionNode, steps: Steps) -> bool:
        """Whether a mapping or list is refused for its length."""
        if len(node.value) > MOST_ENTRIES:
            said = f"holds {len(node.value)} entries, more than {MOST_ENTRIES}"
            self.refuse(steps, said)
            return True
        return False

    def mapping(self, node: yaml.MappingNode, steps: Steps) -> dict[str, Any]:
        content: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                self.refuse(steps, "a key must be text, not a list or mapping")
                continue
            try:
                _convert("str", key_node.value)
            except ValueError as error:
                self.refuse(steps, f"a key {error}")
                continue
            inner = (*steps, str(key_node.value))
            place = _place(self.name, key_node.start_mark)
            if inner in self.result.keys:
                self.repeated(inner, place)
                continue
            self.result.keys[inner] = place
            content[key_node.value] = self.read(value_node, inner)
        return content

    def repeated(self, steps: Steps, place: Place) -> None:
        first = self.result.keys[steps]
        message = f"the key stands here twice; first in line {first.line}, column {first.column}"
        fault = Fault(message, dotted(steps), self.name, place.line, place.column)
        self.result.faults.append(fault)

    def scalar(self, node: yaml.ScalarNode, steps: Steps) -> Any:
        kind = node.tag.removeprefix(_TAG)
        if kind not in ("str", *_SCALARS) or not node.tag.startswith(_TAG):
            return self.refuse_tag(node, steps)
        try:
            return _convert(kind, node.value)
        except ValueError as error:
            return self.refuse(steps, str(error))

    def refuse_tag(self, node: yaml.Node, steps: Steps) -> None:
        tag = node.tag.replace(_TAG, "!!")
        self.refuse(steps, f"the tag {tag} is not allowed; a recipe holds plain values only")

    def refuse(self, steps: Steps, message: str) -> None:
        self.result.faults.append(self.result.fault(steps, message))


def _convert(kind: str, text: str) -> Any:
    if kind == "str":
        if any(0xD800 <= ord(c) <= 0xDFFF for c in text):
            raise ValueError("holds half a character (a lone surrogate)")
        if "\0" in text:
            raise ValueError("holds the character 0, which no text of a recipe may")
        return text
    if not _SCALARS[kind].match(text):
        raise ValueError(f"{text!r} is not of the type that its tag !!{kind} says")
    if len(text) > 100:
        raise ValueError("is a number of more than 100 digits")
    return _CONVERT[kind](text)


def _integer(text: str) -> int:
    base = {"0o": 8, "0x": 16}.get(text[:2], 10)
    number = int(text, base)
    if abs(number) > MOST_WHOLE:
        raise ValueError(f"is a whole number beyond {MOST_WHOLE}, more than a machine counts to")
    return number


def _float(text: str) -> float:
    return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))


_CONVERT = {
    "null": lambda text: None,
    "bool": lambda text: text.lower() == "true",
    "int": _integer,
    "float": _float,
}


def shown(value: Any) -> str:
    """A value as a sentence names it."""
    if isinstance(value, str):
        return repr(value if len(value) <= 60 else value[:57] + "…")
    if isinstance(value, dict):
        return f"a mapping of {len(value)}" if value else "an empty mapping"
    if isinstance(value, list):
        return f"a list of {len(value)}" if value else "an empty list"
    if isinstance(value, float):
        return {"inf": ".inf", "-inf": "-.inf", "nan": ".nan"}.get(repr(value), repr(value))
    return {"None": "null", "True": "true", "False": "false"}.get(repr(value), repr(value))
