from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from armtune.data.columns.dates import PARTS, date_formats, first_stranger, moments, parts


@pytest.mark.parametrize(
    ("cell", "written", "days"),
    [
        ("1970-01-02", "%Y-%m-%d", 1),
        ("1970-01-02T12:00:00Z", "%Y-%m-%d %H:%M:%S", 1.5),
        ("1970-01-02 06:00:00.75+02:00", "%Y-%m-%d %H:%M:%S", 1.25),
        ("2.1.1970", "%d.%m.%Y", 1),
        ("1969-12-31", "%Y-%m-%d", -1),
        ("2 January 1970", "%d %B %Y", 1),
    ],
)
def test_a_moment_is_its_days_since_1970(cell: str, written: str, days: float) -> None:
    known = pa.array([cell, None])
    assert written in date_formats(known)
    np.testing.assert_array_equal(moments(known, written), [days, np.nan])


@pytest.mark.parametrize("cell", ["1", "0200-01-01", "2020-13-01", "2020-01", "May", "10:75"])
def test_what_is_no_date_has_no_format(cell: str) -> None:
    assert date_formats(pa.array([cell])) == []


def test_the_first_cell_that_is_no_date_is_found() -> None:
    known = pa.array(["2020-01-01", None, "soon"])
    assert moments(known, "%Y-%m-%d") is None
    assert first_stranger(known, "%Y-%m-%d") == 2


def test_parts_are_years_and_cycles() -> None:
    # 1 January 1970 was a Thursday: weeks begin on Monday.
    found = dict(zip(PARTS, parts(np.array([4.0, 4.25, np.nan])).T, strict=True))
    np.testing.assert_allclose(found["year"][:2], 1970 + np.array([4, 4.25]) / 365.2425)
    np.testing.assert_allclose(found["week_sin"][0], 0, atol=1e-12)
    np.testing.assert_allclose(found["week_cos"][0], 1)
    np.testing.assert_allclose(found["day_sin"][:2], [0, 1], atol=1e-12)
    assert all(np.isnan(column[2]) for column in found.values())
