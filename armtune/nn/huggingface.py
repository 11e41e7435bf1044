"""Pretrained models of Hugging Face, from a local folder: from samples to features.

Needs the extra ``armtune[huggingface]`` (transformers, and peft for LoRA). Only safetensors are
read, and no code that lies in the folder is run.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import sqrt
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional as F
from torch.nn.utils import parametrize

from armtune.errors import DataError
from armtune.nn import model_inputs
from armtune.nn.architectures import (
    CONFIG,
    KNOWN,
    Architecture,
    preprocessing,
    read_settings,
    towers,
)
from armtune.nn.layers import Init, mean_of
from armtune.nn.model_inputs import steps_of

Ends = tuple[Sequence[int], Sequence[int]]
TOKENIZER = "tokenizer.json"
FIRST = ("conv_layers", "embed", "feature")
"""In names of modules that make the first states of a sample."""


class Tower(nn.Module):
    """Images or sound to features, ``(sample, *shape)`` to ``(sample, feature)``.

    Args:
        model: as ``load_tower`` reads it.
        inputs: what makes its inputs.
        features: see ``Architecture``.
        steps: of its states, those that are averaged; None for all.
    """

    def __init__(
        self, model: Any, inputs: nn.Module, features: str, steps: int | None = None
    ) -> None:
        super().__init__()
        self.model, self.inputs = model, inputs
        self.features, self.steps = features, steps

    def forward(self, x: Tensor) -> Tensor:
        told = self.model(self.inputs(x))
        if self.features == "pooled":
            pooled: Tensor = told.pooler_output.flatten(1)
            return pooled
        states: Tensor = told.last_hidden_state
        return states[:, 0] if self.features == "first" else states[:, : self.steps].mean(1)


class TextTower(nn.Module):
    """Token numbers to features, ``(sample, token)`` to ``(sample, feature)``.

    Args:
        model: as ``load_tower`` reads it.
        features: see ``Architecture``.
        ends: numbers of the tokens that begin and end a text, where samples are the numbers of its
            own tokens plus 1, as ``data.tokenizer`` gives them; None where samples are as the
            model's tokenizer pads them.
    """

    def __init__(self, model: Any, features: str, ends: Ends | None) -> None:
        super().__init__()
        self.model, self.features, self.ends = model, features, ends
        self.padding, self.highest = model.config.pad_token_id or 0, model.config.vocab_size - 1
        self.token_width = model.config.hidden_size

    def forward(self, x: Tensor) -> Tensor:
        if self.ends is None:
            ids = x.long().clamp(0, self.highest)
            real = ids != self.padding
        else:
            ids, real = self._with_ends(x.long(), *self.ends)
        if self.features == "pooled":
            # Of the text's last token: no later one is seen from there.
            pooled: Tensor = self.model(input_ids=ids).pooler_output
            return pooled
        states = self.model(input_ids=ids, attention_mask=real.long()).last_hidden_state
        return mean_of(states.unsqueeze(0), real.unsqueeze(0)).squeeze(0)

    def _with_ends(
        self, numbers: Tensor, begin: Sequence[int], end: Sequence[int]
    ) -> tuple[Tensor, Tensor]:
        """Numbers as the model's tokenizer gives them, and which of them aren't padding."""
        there = numbers > 0
        ids = torch.where(there, numbers - 1, self.padding).clamp(0, self.highest)
        ids = F.pad(ids, (0, len(end)), value=self.padding)
        for number in reversed(begin):
            ids = F.pad(ids, (1, 0), value=number)
        place = torch.arange(ids.shape[1], device=ids.device)
        last = there.sum(1, keepdim=True) + len(begin)
        for k, number in enumerate(end):
            ids = torch.where(place == last + k, number, ids)
        return ids, place < last + len(end)


class PerMember(nn.Module):
    """A tower some of whose weights are learnt, ``(member, sample, …)`` to features.

    What is trained are parameters with a member axis, and each member is computed on its own; what
    is not are buffers that the members share, which no file of weights repeats.

    Args:
        tower: of one model.
        trains: whether a parameter is trained, by its name.
        init: draws the adapters.
    """

    def __init__(self, tower: nn.Module, trains: Callable[[str], bool], init: Init) -> None:
        super().__init__()
        self.token_width = getattr(tower, "token_width", 1)
        self.trained: dict[str, str] = {}
        self.shared: dict[str, str] = {}
        for name, tensor in tower.named_parameters():
            if trains(name):
                self.trained[name] = name.replace(".", "/")
                self.register_parameter(self.trained[name], _first(name, tensor, init))
            else:
                self._share(name, tensor.detach(), init.dtype)
        for name, buffer in tower.named_buffers():
            self._share(name, buffer, init.dtype)
        # In a tuple, so that its tensors, which are these ones' place holders, aren't trained.
        self.held = (tower.to("meta").eval(),)

    def _share(self, name: str, tensor: Tensor, dtype: torch.dtype) -> None:
        self.shared[name] = name.replace(".", "/")
        own = tensor.to(dtype) if tensor.is_floating_point() else tensor
        self.register_buffer(self.shared[name], own, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        return torch.stack([self._encode(part, k) for k, part in enumerate(x.unbind())])

    def _encode(self, x: Tensor, member: int) -> Tensor:
        """Features of ``(sample, …)`` by one member's weights."""
        weights = {name: getattr(self, own) for name, own in self.shared.items()}
        weights |= {name: getattr(self, own)[member] for name, own in self.trained.items()}
        features: Tensor = functional_call(self.held[0], weights, (x,))
        return features


def _first(name: str, tensor: Tensor, init: Init) -> nn.Parameter:
    """A parameter's first values, the file's to every member; adapters are each member's own."""
    if ".lora_A." in name:
        return init.uniform(1 / sqrt(tensor.shape[1]), *tensor.shape)
    if ".lora_B." in name:
        return init.constant(0.0, *tensor.shape)
    return nn.Parameter(tensor.detach().to(init.dtype).repeat(init.members, *[1] * tensor.ndim))


def load_tower(folder: Path, shape: tuple[int, ...], ended: bool = True) -> nn.Module:
    """The part of a folder's model that reads samples of a shape.

    Args:
        ended: whether texts hold the tokens that begin and end them; see ``TextTower``.

    Raises:
        DataError: a library is missing, or the folder holds no such model in safetensors.
        ValueError: the model doesn't read such samples, or nothing that is known here.
    """
    kind = str(read_settings(folder, CONFIG).get("model_type"))
    able = [tower for tower in towers(kind) if tower.fits(shape)]
    if not able:
        raise ValueError(f"{folder.name} doesn't read samples of shape {shape}")
    model = _model(folder, able[0], kind)
    if able[0].reads == "text":
        ends = None if ended else _ends(folder)
        _check_length(model, folder, shape[0] + (len([*ends[0], *ends[1]]) if ends else 0))
        return TextTower(model, able[0].features, ends)
    about = preprocessing(folder)
    steps = None
    if kind == "whisper":
        stride = model.conv1.stride[0] * model.conv2.stride[0]
        steps = steps_of(shape[0], int(about["hop_length"]), stride)
    try:
        inputs = getattr(model_inputs, able[0].inputs)(shape, about)
    except (KeyError, TypeError) as error:
        raise DataError(f"{folder}: its preprocessing isn't that of {kind}: {error}") from error
    return Tower(model, inputs, able[0].features, steps)


def _check_length(model: Any, folder: Path, tokens: int) -> None:
    longest = getattr(model.config, "max_position_embeddings", None) or tokens
    if tokens > longest:
        raise ValueError(f"huggingface: {folder.name} reads {longest} tokens, not {tokens}")


def _ends(folder: Path) -> Ends:
    """Numbers of the tokens that the model's tokenizer puts before and after a text."""
    try:
        from tokenizers import Tokenizer

        known = Tokenizer.from_file(str(folder / TOKENIZER)).encode("a")
    except ImportError as error:
        said = "texts of tables need the library tokenizers: pip install 'armtune[huggingface]'"
        raise DataError(said) from error
    except Exception as error:  # the library raises no narrower one
        raise DataError(f"{folder / TOKENIZER}: can't be read ({error})") from error
    own = [k for k, special in enumerate(known.special_tokens_mask) if not special]
    first, after = (own[0], own[-1] + 1) if own else (len(known.ids), len(known.ids))
    return known.ids[:first], known.ids[after:]


def _model(folder: Path, architecture: Architecture, kind: str) -> Any:
    try:
        import transformers
    except ImportError as error:
        raise DataError(
            "the encoder huggingface needs transformers: pip install 'armtune[huggingface]'"
        ) from error
    transformers.utils.logging.disable_progress_bar()
    transformers.utils.logging.set_verbosity_error()
    try:
        model, report = getattr(transformers, architecture.model).from_pretrained(
            folder,
            local_files_only=True,
            use_safetensors=True,
            trust_remote_code=False,
            output_loading_info=True,
        )
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        reason = str(error).strip().splitlines()[0]
        raise DataError(f"{folder}: no model that can be read ({reason})") from error
    if architecture.reads == "text" and (
        model.main_input_name != "input_ids" or model.config.is_encoder_decoder
    ):
        raise ValueError(f"huggingface doesn't read models of the type {kind}; it reads {KNOWN}")
    return _bare(model, folder, architecture.part, report["missing_keys"])


def _bare(model: Any, folder: Path, part: str, missing: Any) -> Any:
    """The encoder alone, if all that it needs was there."""
    model, inside = (getattr(model, part), f"{part}.") if part else (model, "")
    pooler = getattr(model, "pooler", None)
    if pooler is not None and next(pooler.parameters(), None) is not None:
        model.pooler = None  # files often lack it; the states are taken instead
    needed = {name for name, _ in [*model.named_parameters(), *model.named_buffers()]}
    missed = sorted(needed & {name.removeprefix(inside) for name in missing})
    if missed:
        raise DataError(f"{folder}: lacks {len(missed)} tensors, such as {missed[0]}")
    for module in list(model.modules()):
        # Weights that are kept in parts are made whole.
        for name in list(getattr(module, "parametrizations", {})):
            parametrize.remove_parametrizations(module, name)
    return model


def adapted(tower: Any, rank: int) -> Any:
    """With low-rank adapters beside all linear layers (Hu et al., ICLR 2022).

    Raises:
        DataError: peft isn't installed.
        ValueError: the model has no linear layer.
    """
    try:
        import peft
    except ImportError as error:
        raise DataError("tuning: lora needs peft: pip install 'armtune[huggingface]'") from error
    if not any(isinstance(part, nn.Linear) for part in tower.model.modules()):
        raise ValueError("tuning: lora adapts linear layers, and this model has none")
    config = peft.LoraConfig(r=rank, lora_alpha=2 * rank, target_modules="all-linear")
    tower.model = peft.inject_adapter_in_model(config, tower.model)
    return tower


def learnable(tower: nn.Module, shape: tuple[int, ...]) -> set[str]:
    """Names of the parameters that features depend on: some are for pretraining only."""
    named = {name: own for name, own in tower.named_parameters() if own.requires_grad}
    told = tower(torch.zeros(1, *shape)).sum()
    found = torch.autograd.grad(told, list(named.values()), allow_unused=True)
    return {name for name, own in zip(named, found, strict=True) if own is not None}


def last_blocks(tower: nn.Module, count: int) -> tuple[str, ...]:
    """Beginnings of the names of the parameters in a tower's last blocks.

    Blocks are the longest list of modules among those that lie least deep, beside those that make
    the first states of a sample.

    Raises:
        ValueError: there are fewer.
    """
    lists = {
        name: part
        for name, part in tower.named_modules()
        if isinstance(part, nn.ModuleList) and not any(w in name for w in FIRST)
    }
    depth = min((name.count(".") for name in lists), default=0)
    blocks = {name: len(part) for name, part in lists.items() if name.count(".") == depth}
    name = max(blocks, key=lambda name: blocks[name], default="")
    if count > blocks.get(name, 0):
        raise ValueError(f"the model has {blocks.get(name, 0)} layers, not {count}")
    return tuple(f"{name}.{k}." for k in range(blocks[name] - count, blocks[name]))
