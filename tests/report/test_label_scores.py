"""The figure of precision and recall, against numbers by hand."""

from __future__ import annotations

from armtune.report.label_scores import label_scores


def test_each_label_has_both_and_the_most_frequent_is_above() -> None:
    precision, recall = label_scores(["a", "b", "c"], [[2, 4, 10], [3, 3, 20], [0, 0, 5]]).data
    assert (precision.name, recall.name) == ("precision", "recall")
    assert list(precision.y) == list(recall.y) == ["c", "a", "b"]
    # Of a label that is never said there is no precision.
    assert list(precision.x) == [None, 0.5, 1.0]
    assert list(recall.x) == [0.0, 0.2, 0.15]
    assert list(recall.text) == ["5 samples", "10 samples", "20 samples"]
