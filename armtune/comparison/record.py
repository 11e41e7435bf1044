"""What a comparison leaves in its folder, so that it can be looked at and printed again."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from armtune.errors import RunError
from armtune.files import read_json, write_text
from armtune.sweeps.study.folder import COMPARISON

RECORD = COMPARISON


@dataclass(frozen=True)
class Ended:
    """How a method's sweep ended.

    Attributes:
        failure: why there is nothing to compare; empty otherwise.
        notes: what the user should know of it.
    """

    failure: str = ""
    notes: Sequence[str] = ()


@dataclass(frozen=True)
class Record:
    """What a comparison is of, and how far it is.

    Attributes:
        methods: the methods, in their order.
        command: the command line that made it.
        cuts: number of cuts of the data, each a comparison of its own; 1 for the data as they are.
        ended: the methods that are over.
    """

    methods: Sequence[str]
    command: str = ""
    cuts: int = 1
    ended: Mapping[str, Ended] = field(default_factory=dict)

    def having(self, method: str, ended: Ended) -> Record:
        """The same, with a method that is over."""
        return replace(self, ended={**self.ended, method: ended})

    def write(self, folder: Path) -> None:
        """Leaves it in the comparison's folder."""
        write_text(folder / RECORD, json.dumps(asdict(self), indent=2) + "\n")


def is_comparison(folder: Path) -> bool:
    """Whether a folder is a comparison's."""
    return (folder / RECORD).is_file()


def read_record(folder: Path) -> Record:
    """What a comparison left in its folder.

    Raises:
        RunError: it is missing or damaged.
    """
    path = folder / RECORD
    try:
        content = read_json(path)
        ended = {str(method): Ended(**each) for method, each in content.pop("ended").items()}
        record = Record(**content, ended=ended)
        if said := next(_problems(record), ""):
            raise ValueError(said)
    except FileNotFoundError as error:
        raise RunError(f"{folder}: there is no comparison here ({RECORD} is missing)") from error
    except (OSError, ValueError, TypeError, LookupError, AttributeError) as error:
        raise RunError(f"{path}: damaged: {error}") from error
    return record


def cut_folder(folder: Path, number: int) -> Path:
    """Where a comparison on one of several cuts lies."""
    return folder / f"cut-{number}"


def runs_of(folder: Path, record: Record) -> dict[str, Path]:
    """The sweeps' folders by what they are called within the comparison, begun or not."""
    places = [folder] if record.cuts == 1 else [cut_folder(folder, k) for k in range(record.cuts)]
    runs = [place / method for place in places for method in record.methods]
    return {run.relative_to(folder).as_posix(): run for run in runs}


def _problems(record: Record) -> Iterator[str]:
    if not _are_names(record.methods) or len(record.methods) < 2:
        yield "methods needs the names of two methods or more"
    if type(record.cuts) is not int or not 1 <= record.cuts <= 10_000:
        yield "cuts needs a whole number of at least 1"
    if not isinstance(record.command, str):
        yield "command needs a text"
    if any(not isinstance(e.failure, str) or not _texts(e.notes) for e in record.ended.values()):
        yield "ended needs a failure and notes of each method"


def _are_names(content: Any) -> bool:
    """Whether they can be names of folders within the comparison's."""
    return _texts(content) and all(each == Path(each).name != ".." for each in content)


def _texts(content: Any) -> bool:
    return isinstance(content, list) and all(isinstance(each, str) for each in content)
