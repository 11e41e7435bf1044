"""What runs a model, whichever library does the arithmetic."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Views = Mapping[str, Floats]
"""Samples ``(sample, *shape)`` of every modality, as the data set gives them."""
Present = Mapping[str, NDArray[np.bool_]]
"""Whether each sample has the modality, ``(sample,)``; where not, its view may hold anything."""
Engine = Callable[[Views, Present], Floats]
"""From samples to what the model says, ``(sample, output)``: probabilities, or values."""


class CantExport(Exception):  # noqa: N818 (no error unless the format was asked for)
    """A format can't hold this model; says why."""
