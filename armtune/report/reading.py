"""What to read from each figure of the page, a sentence or two."""

from __future__ import annotations

READ = {
    "Fronts": "The further a run's line lies towards the better ends of both axes, the better "
    "the run.",
    "Front": "No trial beats those on the line, the front, in both metrics at once; how steep it "
    "is says what one costs in the other. The star is the chosen trial, the square the recipe's "
    "own values.",
    "What the winner takes for what": "Each row is one true class. What lies off the diagonal is "
    "wrong; a dark cell there is a pair that the model mixes up. On <split> samples.",
    "How right it is when it is sure": "On the dotted line what is said with 80 % is right in 80 % "
    "of cases; below it the model is too sure, above it not sure enough. On <split> samples, "
    "as it is exported; larger marks stand for more answers.",
    "How often each label is right, and found": "A short bar of precision: where the label is said "
    "it is often wrong. A short one of recall: where it is there it is often missed. The most "
    "frequent labels stand above. On <split> samples.",
    "What it predicts and what is true": "On the dotted line a value is predicted exactly; points "
    "that lie flatter than it are drawn towards the mean, since the modalities don't tell more. On "
    "<split> samples, on some of them where there are many.",
    "How far off it is": "The narrower, the better; a middle beside the dotted line is an error "
    "in one direction, and a long tail a few samples that are far off. On <split> samples.",
    "Contribution of each modality": "A mark is a modality's contribution, the grey line the gap "
    "between them: the longer, the less balanced the trial. A modality near zero adds nothing to "
    "the decision; below zero it harms. The dotted line is the chosen trial.",
    "Which hyperparameters matter": "Long bars are worth searching, of short ones any value does. "
    "It is about all complete trials, not the chosen one.",
    "When trials ran": "Where a row is empty a worker had nothing to do; short bars are trials "
    "that were stopped early, at a rung.",
}
BY_BEGINNING = {
    "History of ": "Where the line of the best goes on rising (or falling) until the end, more "
    "trials would help; where it is flat for long, they wouldn't. Dotted: the chosen trial.",
    "Values and ": "Each line is a trial; lines of the better colour that run together show which "
    "values go with a good one. The chosen trial's values stand above.",
    "Each value against ": "A slope says that the value matters; good points at an end of an axis "
    "say that its range should be wider. The star is the chosen trial.",
}
ALONE = (
    "What the exported model decides of a sample with all that it has, beside what it decides of "
    "it given one modality alone, of the samples that have it. Only together: others are needed; "
    "only alone: the others mislead it. Of several labels a sample, all have to be right."
)
CURVES = (
    "Lines that still rise (or fall) at the end ask for more epochs; lines that turn back have "
    "been trained for too long. The thick one is the chosen trial. The figure is for the epochs "
    "after the first; a double click shows that as well."
)


def reading(title: str, split: str = "validation") -> str:
    """What to read from the figure of this title.

    Args:
        split: on which the exported model was judged.
    """
    known = (words for start, words in BY_BEGINNING.items() if title.startswith(start))
    return (READ.get(title) or next(known, CURVES)).replace("<split>", split)
