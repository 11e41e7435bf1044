"""The base of everything a recipe can hold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from pydantic import BaseModel, ConfigDict


class Options(BaseModel):
    """Options that refuse unknown keys and infinite numbers, and can't change once read.

    A plug-in is an ``Options`` class with a ``name: Literal["…"] = "…"`` field and a method that
    builds it; its docstring and its fields' descriptions are its documentation.
    """

    model_config = ConfigDict(
        extra="forbid", frozen=True, use_attribute_docstrings=True, allow_inf_nan=False
    )

    extra: ClassVar[str] = ""
    """The extra of armtune whose packages it can't do without, such as ``media``."""
    former: ClassVar[Mapping[str, str]] = {}
    """Options of earlier versions, and what to write instead of each."""
