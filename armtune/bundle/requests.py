"""Samples in a request to a service: JSON, from whoever sends it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from math import prod
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from armtune.bundle.raw_rows import Columns, Row, read_rows
from armtune.errors import DataError

Shape = tuple[int, ...]
INPUTS, ROWS = "inputs", "rows"
FORM = f'a request is {{"{INPUTS}": {{"<modality>": [sample, …], …}}}}'
OR_ROWS = f'{FORM} or {{"{ROWS}": [{{"<column>": cell, …}}, …]}}'
MOST_NUMBERS = 1 << 26
"""Most of a modality that some samples lack, theirs included: 256 MiB."""
MOST_SAMPLES = 1 << 16
"""Most samples of a request: millions of empty ones would hold up all others."""


def read_request(
    body: bytes, shapes: Mapping[str, Shape], columns: Columns
) -> dict[str, NDArray[Any]] | list[Row]:
    """Samples by modality; one that is null lacks the modality, and becomes NaN throughout.

    Args:
        body: JSON: under ``inputs`` for each modality a list of samples, nested as they are shaped;
            or, of a model that has columns, under ``rows`` a list of raw rows.

    Returns:
        the samples, or the rows.

    Raises:
        DataError: it is something else; says what.
    """
    try:
        content = json.loads(body, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise DataError(f"the body is no JSON: {' '.join(str(error).split())[:200]}") from error
    if isinstance(content, dict) and set(content) == {ROWS} and columns:
        check_count(ROWS, content[ROWS])
        return read_rows(content[ROWS], columns)
    inputs = content.get(INPUTS) if isinstance(content, dict) else None
    if not isinstance(inputs, dict) or set(content) != {INPUTS}:
        raise DataError(OR_ROWS if columns else FORM)
    return {m: _samples(m, given, shapes.get(m)) for m, given in inputs.items()}


def _samples(modality: str, given: Any, shape: Shape | None) -> NDArray[Any]:
    if not isinstance(given, list):
        raise DataError(f"{modality[:100]}: needs a list of samples; {FORM}")
    check_count(modality, given)
    if shape is None:  # which is told by the predictor, of whatever shape it is
        return np.zeros((0,))
    lacking = np.array([sample is None for sample in given], bool)
    if given and not lacking.any():
        return _numbers(modality, given)
    check_lacking(modality, len(given), shape)
    found = np.full((len(given), *shape), np.nan, np.float32)
    if not lacking.all():
        there = _numbers(modality, [sample for sample in given if sample is not None])
        if there.shape[1:] != shape:
            raise DataError(f"{modality}: samples have shape {there.shape[1:]}, not {shape}")
        with np.errstate(over="ignore"):  # an infinity then, which the predictor tells
            found[~lacking] = there
    return found


def check_count(name: str, given: Any) -> None:
    """Checks how many samples a list holds, if it is one.

    Raises:
        DataError: they are too many.
    """
    if isinstance(given, list) and len(given) > MOST_SAMPLES:
        said = f"{len(given)} samples are too many at once; send {MOST_SAMPLES} at most"
        raise DataError(f"{name[:100]}: {said}")


def check_lacking(modality: str, count: int, shape: Shape) -> None:
    """Checks how many samples there are where some are sent as a few bytes that say they lack it.

    Raises:
        DataError: they would take up much more memory than what was sent.
    """
    if count * prod(shape) > MOST_NUMBERS:
        said = f"{count} samples are too many at once where some lack it"
        raise DataError(f"{modality}: {said}; send {MOST_NUMBERS // prod(shape)} at most")


def _numbers(modality: str, given: list[Any]) -> NDArray[Any]:
    """Nested lists as an array; nulls within a sample are NaN."""
    try:
        array = np.asarray(given)
        if array.dtype.kind == "O":
            if not all(x is None or type(x) in (int, float) for x in array.ravel().tolist()):
                raise ValueError("not all are numbers")
            array = array.astype(np.float64)
    except (ValueError, TypeError, OverflowError) as error:
        said = "samples differ in shape, or hold what is no number"
        raise DataError(f"{modality}: {said}") from error
    return array


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number; null stands for what is missing")
