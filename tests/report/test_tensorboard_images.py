from __future__ import annotations

import numpy as np

from armtune.report.tensorboard_images import contributions_picture, importance_picture

CURVE = [
    {"epoch": 1.0, "contribution/image": 0.1, "contribution/audio": 0.3},
    {"epoch": 2.0, "contribution/image": 0.5, "contribution/audio": 0.2},
]
HIGHER = [{**epoch, "contribution/image": epoch["contribution/image"] + 0.2} for epoch in CURVE]


def test_the_median_and_the_chosen_trial_stand_out() -> None:
    (axes,) = contributions_picture({0: CURVE, 3: HIGHER}, ["image", "audio"], chosen=3).axes
    lines = {str(line.get_label()): line.get_ydata() for line in axes.lines}
    assert list(lines["image: median"]) == [0.2, 0.6]
    assert list(lines["image: trial 3, chosen"]) == [0.1 + 0.2, 0.7]
    assert len(axes.lines) == 2 * (1 + 1 + 1)
    assert np.isnan(axes.lines[0].get_xdata()).sum() == 2


def test_pictures_without_anything_say_so() -> None:
    for drawing in (contributions_picture({}, ["image"]), importance_picture({"accuracy": {}})):
        assert drawing.axes[0].texts


def test_each_metric_has_its_bars() -> None:
    shares = {"accuracy": {"lr": 0.7, "dim": 0.3}, "contribution_gap": {"lr": 0.2}}
    (axes,) = importance_picture(shares).axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["dim", "lr"]
    assert sorted(round(bar.get_width(), 3) for bar in axes.patches) == [0.0, 0.2, 0.3, 0.7]
