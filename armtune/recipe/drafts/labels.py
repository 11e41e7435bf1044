"""Which column or array is meant by its name: the labels, and what must not be divided."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from armtune.errors import DataError

LABELS = ("label", "labels", "target", "targets", "class", "classes", "y", "outcome")
"""What labels are called where nobody says it, the likeliest first."""
GROUPS = (
    "subject", "subjects", "patient", "person", "participant", "user", "speaker", "group", "groups",
    "customer", "session", "building", "household", "animal",
)  # fmt: skip
"""What is called so names what samples have in common: such samples belong in one split."""
ENDS = ("", "_id", "id", "_name", "_no", "_number")
FEWEST = 10
"""Groups from which a cut by groups has something to choose from."""


def label_among(names: Sequence[str], likely: Callable[[], Sequence[str]], place: str) -> str:
    """The name of the labels, where the user doesn't say it.

    Args:
        names: all that there are.
        likely: gives those that labels may have, by what they hold.

    Raises:
        DataError: none is plainly meant; lists the likely ones.
    """
    lower = {name.lower(): name for name in reversed(names)}
    found = next((lower[word] for word in LABELS if word in lower), None)
    if found is not None:
        return found
    perhaps = likely()
    listed = ", ".join(perhaps[:8]) + (", …" if len(perhaps) > 8 else "")
    hint = f"; perhaps one of these: {listed}" if perhaps else ""
    raise DataError(f"{place}: say with --label what is to be predicted{hint}")


def looks_like_groups(name: str, different: int, count: int) -> bool:
    """Whether a column names groups: by its name, and by how often its values repeat."""
    plain = name.lower().replace("-", "_").replace(" ", "_")
    called = any(plain == word + end for word in GROUPS for end in ENDS)
    return called and FEWEST <= different <= count // 2
