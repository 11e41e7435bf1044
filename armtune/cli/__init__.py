"""The command line: one verb a file, found by itself.

A verb is a module of this folder, named like the verb, with a function ``command``: its parameters
are the verb's arguments and its docstring the help. It parses, calls one function and prints. A
module with several such functions, by name in ``commands``, is a group: ``armtune data check``.
What is slow to import is imported inside the function, so that no verb pays for another. Modules
whose name begins with ``_`` are no verbs.

Exit codes: 0 fine, 1 the run failed, 2 the recipe or arguments are wrong, 130 interrupted.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys
from collections.abc import Callable, Iterable
from types import ModuleType
from typing import Annotated

import typer

from armtune import __version__
from armtune.cli._output import allow_any_text, say
from armtune.errors import ArmtuneError, RecipeError


def main() -> None:
    """Runs the command line and exits; shows errors that are for people without a traceback."""
    allow_any_text()
    try:
        app()(prog_name="armtune")
    except RecipeError as error:
        _stop(str(error), 2)
    except ArmtuneError as error:
        _stop(f"error: {error}", 1)
    except OSError as error:  # a name that is too long, say, or a folder that is locked
        place = f"{error.filename}: " if error.filename else ""
        _stop(f"error: {place}{error.strerror or error}", 1)
    except KeyboardInterrupt:
        _stop("interrupted", 130)


def app() -> typer.Typer:
    """The application with every verb of this folder."""
    built = typer.Typer(
        name="armtune",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
    )
    built.callback()(_options)
    groups: dict[str, typer.Typer] = {"": built}
    found = verbs()
    for name, command in found.items():
        group, _, verb = name.rpartition(" ")
        if group not in groups:
            groups[group] = _group(group, found)
            built.add_typer(groups[group])
        groups[group].command(verb)(command)
    return built


def verbs() -> dict[str, Callable[..., None]]:
    """The function of every verb, by name; that of a verb in a group is ``group verb``."""
    names = [info.name for info in pkgutil.iter_modules(__path__) if not info.name.startswith("_")]
    found: dict[str, Callable[..., None]] = {}
    for name in names:
        module = _module(name)
        if hasattr(module, "commands"):
            found.update({f"{name} {verb}": command for verb, command in module.commands.items()})
        else:
            found[name] = module.command
    return found


def _group(name: str, found: Iterable[str]) -> typer.Typer:
    group = typer.Typer(name=name, no_args_is_help=True)
    listed = " and ".join(f"`armtune {verb}`" for verb in found if verb.startswith(f"{name} "))
    # Without a callback, typer takes a group of one verb for that verb.
    group.callback(help=f"Holds {listed}.")(lambda: None)
    return group


def _module(name: str) -> ModuleType:
    return importlib.import_module(f"{__name__}.{name}")


def _stop(message: str, code: int) -> None:
    say(message, err=True)
    sys.exit(code)


def _show_version(wanted: bool) -> None:
    if wanted:
        say(f"armtune {__version__}")
        raise typer.Exit


def _options(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Declarative sweeps for balanced multimodal learning."""
