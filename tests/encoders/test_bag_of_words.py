from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.feature_extraction.text import TfidfTransformer

from armtune.encoders.bag_of_words import BagOfWords
from armtune.encoders.tabular import Tabular
from armtune.nn import bag_of_words, tabular
from armtune.nn.layers import Init
from armtune.nn.random_streams import stream

VOCABULARY = 9


def init(*seeds: int) -> Init:
    return Init([stream(seed, "init") for seed in seeds], torch.float64)


def tokens(samples: int = 30) -> np.ndarray:
    """Word numbers, some of them above the vocabulary, with padding after the last."""
    rng = np.random.default_rng(0)
    found = rng.integers(1, VOCABULARY + 3, (samples, 7)).astype(np.float32)
    found[np.arange(7) >= rng.integers(1, 8, (samples, 1))] = 0
    return found


def test_words_are_weighed_as_scikit_learn_weighs_them() -> None:
    view, present = tokens(), np.arange(30) < 25
    encoder = BagOfWords(vocabulary=VOCABULARY, width=4)
    module, width = encoder.build((7,), init(1, 2))
    assert isinstance(module, bag_of_words.BagOfWords)
    assert width == 4
    encoder.fit(module, view, present)
    counts = np.stack([(np.minimum(view, VOCABULARY) == n).sum(1) for n in range(1, 10)], axis=1)
    expected = TfidfTransformer().fit(counts[present]).transform(counts).toarray()
    found = module(torch.from_numpy(view).double().expand(2, -1, -1))
    for k in range(2):
        wanted = expected @ module.weight[k].detach().numpy() + module.bias[k].detach().numpy()
        np.testing.assert_allclose(found[k].detach().numpy(), wanted, atol=1e-12)


def test_a_sample_of_padding_alone_is_the_bias() -> None:
    module, _ = BagOfWords(vocabulary=VOCABULARY, width=4).build((7,), init(1))
    found = module(torch.zeros(1, 2, 7, dtype=torch.float64))
    torch.testing.assert_close(found, module.bias.expand(1, 2, 4))


def test_columns_are_embedded_by_their_definition() -> None:
    module = tabular.Embedded([1, 3, 1], size=2, frequencies=2, spread=0.5, init=init(1))
    x = torch.tensor([[[0.3, 0, 1, 0, -1.2]]], dtype=torch.float64)
    found = module(x)[0, 0]
    assert module.width == len(found) == 2 + 2 * 3
    torch.testing.assert_close(found[:2], module.categories[0][0, 1])
    torch.testing.assert_close(found[2:4], x[0, 0, [0, 4]])
    for k, value in enumerate((0.3, -1.2)):
        turns = 2 * torch.pi * value * module.frequencies[0, 0, k]
        waves = torch.cat([turns.sin(), turns.cos()])
        wanted = (waves @ module.weight[0, k] + module.bias[0, k, 0]).relu()
        torch.testing.assert_close(found[4 + 2 * k : 6 + 2 * k], wanted)


@pytest.mark.parametrize(("blocks", "fits"), [([], True), ([1, 4, 2], True), ([1, 4], False)])
def test_blocks_are_as_many_numbers_as_samples_have(blocks: list[int], fits: bool) -> None:
    said = Tabular(blocks=blocks).misfit((7,))
    assert fits == (not said)
    assert fits or "its blocks have 5 numbers, samples 7" in said
