"""What was preserved, from figures that can be checked by eye."""

from __future__ import annotations

from armtune.report.solo_comparison import solo_grid, solo_line, winner_seeds


def seeds(modality: str, accuracy: float, nats: float) -> list[dict[str, float]]:
    metrics = {f"unimodal_accuracy/{modality}": accuracy, f"information/{modality}": nats}
    metrics["accuracy"] = accuracy + 0.02
    return [{n: v + d for n, v in metrics.items()} for d in (-0.01, 0.01)]


SOLO = {"image": seeds("image", 0.90, 2.0), "audio": seeds("audio", 0.70, 1.0)}
WINNER = [
    {**a, **b, "conditional/image": 0.5, "conditional/audio": 0.1}
    for a, b in zip(seeds("image", 0.88, 1.9), seeds("audio", 0.75, 1.25), strict=True)
]


def test_a_row_for_each_modality() -> None:
    rows = solo_grid(SOLO, WINNER).rows
    assert rows[0] == (
        "image",
        "0.9200 ± 0.0141",
        "0.9000 ± 0.0141",
        "0.8800 ± 0.0141",
        "-0.0200",
        "-0.1000",
        "0.5000 ± 0.0000",
    )
    assert rows[1][4:6] == ("+0.0500", "+0.2500")


def test_says_whether_the_strongest_was_preserved() -> None:
    assert solo_line(SOLO, WINNER) == (
        "Alone, image has the strongest head; in the winner it lost 2.0 points."
    )
    better = [{**w, "unimodal_accuracy/image": 0.905} for w in WINNER]
    assert solo_line(SOLO, better).endswith("it gained 0.5 points.")


def test_says_nothing_where_nothing_is_known() -> None:
    assert solo_line({}, WINNER) == ""
    assert solo_line(SOLO, []) == ""
    assert solo_grid(SOLO, []).rows == ()
    assert winner_seeds({3: [{"a": 1.0}, {}]}, 3) == [{"a": 1.0}]
    assert winner_seeds({}, None) == []
