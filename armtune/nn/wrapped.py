"""Modules of torch, which know no member axis, as layers of a pack.

Each member has its own weights, and is computed by itself. In a training step, and only there,
dropout drops and batch norm sees the batch, as the module's own training mode has it; both by
streams of the member's seed, so that a training can be repeated and taken up again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.modules.lazy import LazyModuleMixin

from armtune.errors import RunError
from armtune.nn.layers import Init

Make = Callable[[], nn.Module]
TRIED = 3
"""Samples that a module is tried with: a number that none is likely to be made for."""


def wrap(make: Make, shape: tuple[int, ...], init: Init) -> tuple[Wrapped, int]:
    """A module of torch as an encoder's: what ``Encoder.build`` returns.

    Args:
        make: makes the module, from ``(sample, *shape)`` to ``(sample, feature)``. It is called
            for each member, and draws first weights from torch's own random numbers, which are the
            member's then.
        shape: of a sample.

    Raises:
        ValueError: it makes no module, or one that gives something else; says what.
    """
    seeds = [int(torch.randint(1 << 62, (), generator=g)) for g in init.generators]
    modules = [seeded(make, seed) for seed in seeds]
    size = features_of(modules[0], shape)
    return Wrapped(modules, init), size


def seeded(make: Make, seed: int = 0) -> nn.Module:
    """What ``make`` makes, judging, with a seed of its own for its random numbers.

    Raises:
        ValueError: it makes no module, or one whose weights aren't there yet.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        module = make()
    if not isinstance(module, nn.Module):
        raise ValueError(f"gives {type(module).__name__}, not a torch.nn.Module")
    lazy = [type(part).__name__ for part in module.modules() if isinstance(part, LazyModuleMixin)]
    if lazy:
        raise ValueError(f"has {lazy[0]}, whose weights depend on samples; give their sizes")
    return module.eval()


@torch.no_grad()
def features_of(module: nn.Module, shape: tuple[int, ...]) -> int:
    """How many features a module makes of a sample, found out by a try.

    Raises:
        ValueError: it gives something else than ``(sample, feature)``.
    """
    like = next((p for p in module.parameters() if p.is_floating_point()), torch.empty(0))
    told = module(torch.zeros(TRIED, *shape, dtype=like.dtype, device=like.device))
    if not isinstance(told, Tensor):
        of = f" of {len(told)}" if isinstance(told, Sequence) else ""
        raise ValueError(f"gives a {type(told).__name__}{of}, not a tensor; give the features only")
    found = tuple(told.shape)
    if not told.is_floating_point():
        raise ValueError(f"gives {told.dtype}, not floating numbers")
    if found[:1] != (TRIED,):
        raise ValueError(f"gives {found} for {TRIED} samples: the first axis must be the samples")
    if len(found) != 2 or not found[1]:
        hint = "pool or flatten them" if len(found) > 2 else "a vector each"
        raise ValueError(f"gives {found} for {TRIED} samples, not (sample, feature): {hint}")
    return found[1]


class Wrapped(nn.Module):
    """Modules of torch, one a member, ``(member, sample, …)`` to ``(member, sample, feature)``.

    Parameters that need no gradient stay as they are.

    Args:
        modules: of one kind, with weights of their own.
        init: of the same members.

    Attributes:
        running: names of the buffers that training steps change, such as batch norm's.
        seeds: of each member's random numbers in the training step that is under way; None else.
    """

    def __init__(self, modules: Sequence[nn.Module], init: Init) -> None:
        super().__init__()
        self.running: list[str] = []
        self.seeds: Sequence[int] | None = None
        self.names = _names(modules[0])
        for name in dict.fromkeys(self.names.values()):
            self._register(name, [_tensor(module, name) for module in modules], init)
        # In a tuple, so that its tensors, which are these ones' place holders, aren't trained.
        self.held = (modules[0].to("meta"),)

    def _register(self, name: str, tensors: Sequence[Tensor], init: Init) -> None:
        first = tensors[0]
        dtype = init.dtype if first.is_floating_point() else first.dtype
        if any(tensor.shape != first.shape for tensor in tensors):
            raise ValueError(f"makes {name} of another shape for each member")
        stacked = torch.stack([tensor.detach().to(dtype) for tensor in tensors])
        if isinstance(first, nn.Parameter) and first.requires_grad:
            self.register_parameter(_own(name), nn.Parameter(stacked))
            return
        self.register_buffer(_own(name), stacked)
        if not isinstance(first, nn.Parameter):
            self.running.append(_own(name))

    def forward(self, x: Tensor) -> Tensor:
        return torch.stack([self._features(part, k) for k, part in enumerate(x)])

    def _features(self, x: Tensor, member: int) -> Tensor:
        """One member's features of its samples."""
        tensors = {name: getattr(self, _own(own))[member] for name, own in self.names.items()}
        if self.seeds is None:
            return functional_call(self.held[0], tensors, (x,))
        with _training(self.held[0], self.seeds[member], x.device):
            return functional_call(self.held[0], tensors, (x,))


def running_buffers(network: nn.Module) -> dict[str, Tensor]:
    """Buffers that training steps change and that prediction needs, ``(member, …)``, by name."""
    parts = [(n, part) for n, part in network.named_modules() if isinstance(part, Wrapped)]
    return {f"{n}.{own}": getattr(part, own) for n, part in parts for own in part.running}


@contextmanager
def _training(module: nn.Module, seed: int, device: torch.device) -> Iterator[None]:
    """A module in training mode, with random numbers of its own.

    Raises:
        RunError: it can't be trained on such a batch.
    """
    devices = [] if device.type == "cpu" else [device]
    with torch.random.fork_rng(devices, device_type=device.type):
        torch.manual_seed(seed)
        try:
            module.train()
            yield
        except ValueError as error:  # batch norm's, of a single sample
            raise RunError(f"a module can't be trained on this batch: {error}") from error
        finally:
            module.eval()


def _names(module: nn.Module) -> dict[str, str]:
    """Names of a module's tensors; of one that has several, each with the first of them."""
    named = [
        *module.named_parameters(remove_duplicate=False),
        *module.named_buffers(remove_duplicate=False),
    ]
    first: dict[int, str] = {}
    return {name: first.setdefault(id(tensor), name) for name, tensor in named}


def _tensor(module: nn.Module, name: str) -> Tensor:
    owner, _, own = name.rpartition(".")
    found: Tensor = getattr(module.get_submodule(owner), own)
    return found


def _own(name: str) -> str:
    """A tensor's name as a module may have it."""
    return name.replace(".", "/")
