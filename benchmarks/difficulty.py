"""How hard a recipe's data are: test accuracy of logistic regression, by modality and for all.

    python benchmarks/difficulty.py recipes/avmnist.yaml [key=value …]

Fitted on the first 5,000 training samples at most; no setting is searched.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression

from armtune.data import Split
from armtune.data.standardize import fit
from armtune.datasets._load import load_dataset
from armtune.recipe.load import load_recipe

SAMPLES = 5000


def main(path: Path, overrides: list[str]) -> None:
    """Prints the data set's description and the accuracies."""
    dataset = load_dataset(load_recipe(path, overrides), path.parent)
    print(dataset.description)
    scales = {name: fit(view) for name, view in dataset.train.views.items()}

    def flat(split: Split, name: str, count: int | None) -> np.ndarray:
        view = scales[name].apply(split.views[name][:count])
        return view.reshape(len(view), -1)

    names = list(scales)
    for chosen in [[name] for name in names] + [names]:
        train = np.hstack([flat(dataset.train, name, SAMPLES) for name in chosen])
        test = np.hstack([flat(dataset.test, name, None) for name in chosen])
        model = LogisticRegression(C=0.01, max_iter=1000)
        model.fit(train, dataset.train.labels[:SAMPLES])
        print(f"{' + '.join(chosen)}: {model.score(test, dataset.test.labels):.3f}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
