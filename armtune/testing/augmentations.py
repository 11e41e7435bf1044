"""What every augmentation must do, for each shape of samples that it changes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch

from armtune.augmentations import Augmentation
from armtune.nn.random_streams import Draws, stream
from armtune.training.knobs import knobs_of

SHAPES = [(30,), (12, 25), (2, 12, 25), (3, 12, 25), (2, 3, 12, 25)]
SAMPLES = 24


def accepts_some_shape_and_names_itself_where_it_refuses(augmentation: Augmentation) -> None:
    """``misfit`` says which augmentation refuses a shape; others ``change`` takes, as below."""
    refusals = [said for shape in SHAPES if (said := augmentation.misfit(shape))]
    assert len(refusals) < len(SHAPES), f"refuses every shape: {refusals}"
    assert all(augmentation.name in refusal for refusal in refusals), refusals


def gives_samples_of_the_same_kind_and_leaves_the_given_ones(augmentation: Augmentation) -> None:
    """``change`` returns samples of the same shape and type, finite, in memory of their own."""
    for view in _views(augmentation):
        before = view.clone()
        changed = _changed(augmentation, view)
        assert torch.equal(view, before), "the given samples are the data set's"
        assert (changed.shape, changed.dtype) == (view.shape, view.dtype)
        assert changed.isfinite().all()


def changes_samples_anew_at_each_step(augmentation: Augmentation) -> None:
    """The same draws change samples in the same way, others in another."""
    for view in _views(augmentation):
        one, again = (_changed(augmentation, view, (3, 4)) for _ in range(2))
        assert torch.equal(one, again)
        assert not torch.equal(one, view), f"nothing changes: {tuple(view.shape[2:])}"
        assert not torch.equal(one, _changed(augmentation, view, (5, 6)))


def keeps_members_apart(augmentation: Augmentation) -> None:
    """Two members in one pack get what each gets alone."""
    for view in _views(augmentation):
        together = _changed(augmentation, view, (1, 2))
        for k in range(2):
            alone = _changed(augmentation, view[k : k + 1], (k + 1,))
            assert torch.allclose(together[k : k + 1], alone, atol=1e-12)


def changes_each_sample_alone(augmentation: Augmentation) -> None:
    """What becomes of a sample doesn't depend on who shares the batch."""
    for view in _views(augmentation):
        others = view.flip(1)
        others[:, 2] = view[:, 2]
        one, other = (_changed(augmentation, samples) for samples in (view, others))
        assert torch.allclose(one[:, 2], other[:, 2], atol=1e-12)


def changes_tokens_to_tokens(augmentation: Augmentation) -> None:
    """Token numbers stay whole and aren't negative, and padding stays padding."""
    if augmentation.tokens:
        for view in _views(augmentation):
            changed = _changed(augmentation, view)
            assert torch.equal(changed, changed.round().clamp_min(0))
            assert not changed[view == 0].any()


def _changed(
    augmentation: Augmentation, view: torch.Tensor, of: Sequence[int] = (1, 2)
) -> torch.Tensor:
    draws = Draws([stream(seed, "augment") for seed in of], view.shape[1], view.dtype)
    return augmentation.change(view, knobs_of([augmentation] * len(of), view), draws)


def _views(augmentation: Augmentation) -> Iterator[torch.Tensor]:
    for shape in SHAPES:
        if not augmentation.misfit(shape):
            size, draw = (2, SAMPLES, *shape), stream(0, "x")
            if augmentation.tokens:
                yield torch.randint(0, 9, size, generator=draw).double()
            else:
                yield torch.randn(size, generator=draw, dtype=torch.float64)
