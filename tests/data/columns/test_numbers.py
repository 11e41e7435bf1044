from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pytest

from armtune.data.columns.numbers import Style, first_stranger, known_cells, number_style, parsed

NAN = np.nan


@pytest.mark.parametrize(
    ("cells", "style", "numbers"),
    [
        (["1", "-2.5", "1e3", ".5", ""], "point", [1, -2.5, 1000, 0.5, NAN]),
        (["1,234.5", "1 234", "7"], "point", [1234.5, 1234, 7]),
        (["1,5", "-0,25", "3"], "comma", [1.5, -0.25, 3]),
        (["1.234,5", "12.345.678"], "comma", [1234.5, 12345678]),
        (["true", "False", "NA"], "point", [1, 0, NAN]),
    ],
)
def test_numbers_are_read_as_they_are_written(
    cells: Sequence[str], style: Style, numbers: Sequence[float]
) -> None:
    known = known_cells(pa.array(cells))
    found = parsed(known, style)
    assert found is not None
    np.testing.assert_array_equal(found, numbers)
    assert first_stranger(known, style) is None or "true" in cells


@pytest.mark.parametrize("cells", [["1", "x"], ["1,5", "1.5.5"], ["12,34,5"], ["1,5", "1.5"]])
def test_what_is_written_otherwise_is_no_number(cells: Sequence[str]) -> None:
    assert number_style(pa.array(cells)) is None


@pytest.mark.parametrize("likely", ["point", "comma"])
def test_what_fits_both_is_taken_for_the_likely(likely: Style) -> None:
    assert number_style(pa.array(["1,234"]), likely) == likely


def test_the_first_cell_that_is_no_number_is_found() -> None:
    assert first_stranger(pa.array(["1", None, "2.5", "low", "high"]), "point") == 3
    assert first_stranger(pa.array(["1,5", "x"]), "comma") == 1
