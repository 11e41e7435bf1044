"""armtune's own words; ``docs/concepts.md`` is given them from here, by ``just generate``."""

from __future__ import annotations

import re
from functools import partial
from html import escape

WORDS = {
    "bundle": "An exported model as a folder of plain files: its recipe, weights, scales and "
    "figures, with a checksum of every file.",
    "contribution": "What a modality adds to the score (for classes, the accuracy) of the fused "
    "decision, on validation: its Shapley value, the mean over all orders in which the modalities "
    "can join.",
    "front": "The trials that none beats in all objectives at once: what one of them lacks in one "
    "it has in another. Only trials that were trained to their end and meet the constraints stand "
    "on it.",
    "gap": "The largest contribution of a modality minus the smallest: contribution_gap.",
    "head": "A linear layer on one modality's features. It learns beside the fusion and tells how "
    "much of the label these features hold; it takes no part in a prediction.",
    "member": "One of the models that train together in a pack, with a seed, weights and settings "
    "of its own.",
    "nats": "Units of information, as bits are, but of the natural logarithm: 1 nat is 1.44 bits. "
    "What a modality tells of the label is at most the labels' entropy: 2.30 of ten equally "
    "frequent classes.",
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


_BARE = r"script|style|pre|code|td|figure|h1|h2"
"""Elements whose text isn't ours, or whose words are titles."""
_ASIDE = re.compile(rf"<({_BARE})\b.*?</\1>|<[^>]+>", flags=re.S)
_USE = re.compile(
    rf"(?<![\w./-])({'|'.join(sorted(WORDS, key=len, reverse=True))})(s?)(?![\w/-]|\.\w)",
    flags=re.I,
)


def html() -> str:
    """The glossary of the report's page."""
    entries = (
        f'<dt>{escape(word)}</dt><dd id="{_anchor(word)}">{escape(meaning)}</dd>'
        for word, meaning in WORDS.items()
    )
    return f"<h2>Words</h2><dl>{''.join(entries)}</dl>"


def explained(section: str) -> str:
    """A section of the page in which each word's first use leads to its meaning: see ``page_look``.

    Args:
        section: HTML; what it says in headings, code and cells of tables is left alone.
    """
    found, done = set[str](), 0
    parts = []
    for aside in _ASIDE.finditer(section):
        parts += [_USE.sub(partial(_marked, found), section[done : aside.start()]), aside[0]]
        done = aside.end()
    return "".join([*parts, _USE.sub(partial(_marked, found), section[done:])])


def _marked(found: set[str], use: re.Match[str]) -> str:
    word = use[1].lower()
    if word in found:
        return use[0]
    found.add(word)
    return f'<span class="word" tabindex="0" aria-describedby="{_anchor(word)}">{use[0]}</span>'


def _anchor(word: str) -> str:
    return f"word-{word.replace(' ', '-')}"


def markdown() -> str:
    """The glossary of the documentation, with a heading for each word to link to."""
    return "\n\n".join(f"### {word}\n\n{meaning}" for word, meaning in WORDS.items())
