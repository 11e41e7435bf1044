"""armtune's own words; ``docs/concepts.md`` is given them from here, by ``just generate``."""

from __future__ import annotations

from html import escape

WORDS = {
    "bundle": "An exported model as a folder of plain files: its recipe, weights, scales and "
    "figures, with a checksum of every file.",
    "contribution": "What a modality adds to the score (for classes, the accuracy) of the fused "
    "decision, on validation: its Shapley value, the mean over all orders in which the modalities "
    "can join.",
    "gap": "The largest contribution of a modality minus the smallest: contribution_gap.",
    "head": "A linear layer on one modality's features. It learns beside the fusion and tells how "
    "much of the label these features hold; it takes no part in a prediction.",
    "member": "One of the models that train together in a pack, with a seed, weights and settings "
    "of its own.",
    "pack": "Several trainings that run as one program, for speed. Its members share all that "
    "shapes the program and differ in seeds and in numbers such as the learning rate; each gets "
    "the results it would have alone.",
    "re-training": "A training with a trial's settings and a new seed, after the search. The "
    "winner is the trial whose re-trainings are best on validation; only they are tested.",
    "rung": "An epoch after which a pruner compares a trial with those that have reached the same "
    "epoch, and stops it or lets it go on.",
    "stand-in": "A data set that is used where the files of the one asked for can't be had: what "
    "data.otherwise names.",
    "valuation slice": "A share of the training samples that is never trained on: what a balancing "
    "method such as ARM measures the modalities on. It is part of neither validation nor test.",
}


def html() -> str:
    """The glossary of the report's page."""
    entries = (f"<dt>{escape(w)}</dt><dd>{escape(meaning)}</dd>" for w, meaning in WORDS.items())
    return f"<h2>Words</h2><dl>{''.join(entries)}</dl>"


def markdown() -> str:
    """The glossary of the documentation, with a heading for each word to link to."""
    return "\n\n".join(f"### {word}\n\n{meaning}" for word, meaning in WORDS.items())
