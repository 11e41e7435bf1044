"""What joining the modalities preserved and what it cost, against each modality trained alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from armtune.report.tables import Confirmed, Grid, spread, spread_text

Solo = Mapping[str, Sequence[Mapping[str, float]]]
"""For each modality the metrics of its trainings alone, a mapping for each seed."""


def solo_grid(solo: Solo, winner: Sequence[Mapping[str, float]], score: str = "accuracy") -> Grid:
    """For each modality what a model of it alone knows, then its own head there and in the winner.

    All on validation. A head is linear and doesn't train the encoder where balancing is off, so
    alone it can know less than the model around it; heads are compared with heads.

    Args:
        winner: metrics of the chosen trial's re-trainings, with the same seeds.
        score: the metric that the data's target is judged by.
    """
    rows = [
        (
            modality,
            spread_text(alone, score),
            spread_text(alone, f"unimodal_{score}/{modality}"),
            spread_text(winner, f"unimodal_{score}/{modality}"),
            _change(alone, winner, f"unimodal_{score}/{modality}"),
            _change(alone, winner, f"information/{modality}"),
            spread_text(winner, f"conditional/{modality}"),
        )
        for modality, alone in solo.items()
        if winner
    ]
    columns = (
        "modality",
        "model alone",
        "head alone",
        "head in the winner",
        "change",
        "nats gained",
        "nats added to others",
    )
    title = f"Preserved ({score} and information of each modality's own head)"
    return Grid(title, columns, tuple(rows))


def solo_line(solo: Solo, winner: Sequence[Mapping[str, float]], score: str = "accuracy") -> str:
    """A sentence on whether the strongest modality was preserved; empty where nothing is known."""
    means = {m: spread(alone, f"unimodal_{score}/{m}") for m, alone in solo.items()}
    known = {m: mean[0] for m, mean in means.items() if mean}
    if not known or not winner:
        return ""
    strongest = max(known, key=lambda m: known[m])
    within = spread(winner, f"unimodal_{score}/{strongest}")
    if within is None:
        return ""
    change = 100 * (within[0] - known[strongest])
    word = "gained" if change >= 0 else "lost"
    return (
        f"Alone, {strongest} has the strongest head; in the winner it {word} "
        f"{abs(change):.1f} points."
    )


def winner_seeds(confirmed: Confirmed, chosen: int | None) -> Sequence[Mapping[str, float]]:
    """The chosen trial's re-trainings that ended well."""
    return [] if chosen is None else [seed for seed in confirmed.get(chosen, []) if seed]


def _change(
    alone: Sequence[Mapping[str, float]], winner: Sequence[Mapping[str, float]], metric: str
) -> str:
    before, after = spread(alone, metric), spread(winner, metric)
    return f"{after[0] - before[0]:+.4f}" if before and after else "–"
