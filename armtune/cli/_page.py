"""The page of verbs, made from the command line itself: ``python -m armtune.cli._page``."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, get_type_hints

import typer
from typer.models import OptionInfo, ParameterInfo

from armtune.cli import verbs

_INTRODUCTION = """\
# Verbs

*Made by `just generate` from the command line itself; don't edit it by hand.*

`armtune VERB --help` says the same, and `armtune --install-completion` lets bash, zsh, fish and
PowerShell complete verbs, options, shipped recipes and methods. Exit codes: 0 fine, 1 the run
failed, 2 the recipe or the arguments are wrong, 130 interrupted. Words such as *bundle* are
explained in the [glossary](concepts.md#glossary).
"""


@dataclass(frozen=True)
class Parameter:
    """A verb's argument or option, as its function declares it."""

    name: str
    annotation: Any
    default: Any

    @property
    def info(self) -> ParameterInfo:
        infos = (part for part in self.annotation.__metadata__ if isinstance(part, ParameterInfo))
        return next(infos)

    @property
    def word(self) -> str:
        """What stands for it on the command line: ``RECIPE``, or ``--to``."""
        if isinstance(self.info, OptionInfo):
            # In an annotation, typer.Option's first name lands in the place of a default.
            given = [str(self.info.default), *(self.info.param_decls or ())]
            long = [word for word in given if word.startswith("--")]
            return long[0] if long else f"--{self.name.replace('_', '-')}"
        return self.info.metavar or self.name.upper()

    @property
    def usage(self) -> str:
        """The word, with an option's value, in brackets where it may be left out."""
        kind = str(self.annotation.__origin__)
        value = self.info.metavar or ("NUMBER" if "int" in kind else "TEXT")
        takes_value = isinstance(self.info, OptionInfo) and "bool" not in kind
        word = f"{self.word} {value}" if takes_value else self.word
        word = f"{word.removesuffix('…')}…" if "list" in kind else word
        return word if self.needed else f"[{word}]"

    @property
    def needed(self) -> bool:
        return self.default is inspect.Parameter.empty

    @property
    def row(self) -> str:
        meaning = " ".join((self.info.help or "").split()).replace("|", r"\|")
        return f"| `{self.word}` | {self._shown_default()} | {meaning} |"

    def _shown_default(self) -> str:
        if self.needed:
            return "needed"
        if isinstance(self.info.show_default, str):
            return self.info.show_default
        return "–" if self.default in (None, False) else f"`{self.default}`"


def markdown() -> str:
    """A page with every verb, its arguments and options."""
    sections = [_section(name, command) for name, command in verbs().items()]
    return "\n".join([_INTRODUCTION, *sections])


def _section(name: str, command: Callable[..., None]) -> str:
    parameters = list(_parameters(command))
    text = "\n\n".join(_paragraphs(inspect.getdoc(command) or ""))
    usage = " ".join(["armtune", name, *(p.usage for p in parameters)])
    rows = ["| | default | meaning |", "|---|---|---|", *(p.row for p in parameters), ""]
    table = rows if parameters else []
    return "\n".join([f"## `{name}`", "", text, "", f"    {usage}", "", *table])


def _parameters(command: Callable[..., None]) -> Iterator[Parameter]:
    hints = get_type_hints(command, include_extras=True)
    for name, parameter in inspect.signature(command).parameters.items():
        # Python 3.10 makes an optional of what has the default None.
        inner = [h for h in (hints[name], *getattr(hints[name], "__args__", ())) if _annotated(h)]
        yield Parameter(name, inner[0], parameter.default)


def _annotated(hint: Any) -> bool:
    return hasattr(hint, "__metadata__")


def _paragraphs(text: str) -> Iterator[str]:
    for paragraph in text.split("\n\n"):
        yield " ".join(paragraph.split()).replace("``", "`")


if __name__ == "__main__":
    typer.echo(markdown(), nl=False)
