"""A draft as a recipe's file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from armtune.errors import RunError
from armtune.files import exists, write_text
from armtune.recipe.drafts.draft import Draft, Line, as_text, comment, name_of
from armtune.recipe.drafts.machine import budget, usable_gpus

ENCODERS = "What encodes a modality is left to its samples' shape (auto); armtune check says what."
SPACE = (
    "what is searched is told by the data, too: sizes of the encoders, learning rates, how the "
    "modalities meet, and balancing methods, ARM among them"
)
BALANCED = (
    "minimize contribution_gap beside it searches for models that use all modalities alike, too"
)


def write_draft(draft: Draft, to: Path, command: str) -> None:
    """Writes a draft as a recipe.

    Args:
        to: the file, which isn't there yet.
        command: the command line that it was drafted by.

    Raises:
        RunError: the file is there already, or can't be written.
    """
    refuse_existing(to)
    write_text(to, recipe_text(draft, to, command))


def refuse_existing(to: Path) -> None:
    """Refuses to write where something is.

    Raises:
        RunError: something is.
    """
    if exists(to) or to.is_symlink():
        raise RunError(f"{to} is there already; another name can be given with --to")


def recipe_text(draft: Draft, to: Path, command: str) -> str:
    """The recipe's text, with a reason above each line."""
    heading = (
        f"Drafted by `{command}` from {draft.what}. Each line is a guess, with the reason above "
        f"it: change what you know better.\n\n  armtune check {to.name}\n"
        f"  armtune sweep {to.name}"
    )
    notes = "\n".join(["", *draft.notes]) if draft.notes else ""
    lines = [*comment(heading), *comment(notes), *as_text(_lines(draft, to))]
    return "\n".join(lines) + "\n"


def _lines(draft: Draft, to: Path) -> Iterator[Line]:
    yield Line("name", name_of(to.stem))
    yield Line("data", draft.data)
    yield Line("modalities", draft.modalities, ENCODERS)
    training = list(_training(draft))
    if training:
        yield Line("training", training)
    yield Line("sweep", list(_sweep(draft)))


def _training(draft: Draft) -> Iterator[Line]:
    if draft.slow and not usable_gpus():
        yield Line("folds", 1, "folds: auto judges by more samples, and takes five times as long")
    if draft.goal.balance:
        yield Line("balance_classes", False, draft.goal.balance)


def _sweep(draft: Draft) -> Iterator[Line]:
    yield Line("space", "auto", SPACE)
    balanced = BALANCED if len(draft.modalities) > 1 else ""
    why = "; ".join(part for part in (draft.goal.score_why, balanced) if part)
    yield Line("objectives", [f"maximize {draft.goal.score}"], why)
    yield from budget(draft.slow)
