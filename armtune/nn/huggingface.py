"""Pretrained text encoders of the Hugging Face Hub, from a local folder, with a member axis.

Needs the extra ``armtune[huggingface]`` (transformers, and peft for LoRA). Only safetensors are
read, and no code that lies in the folder is run.
"""

from __future__ import annotations

from math import sqrt
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.func import functional_call

from armtune.errors import DataError
from armtune.nn.layers import Init, mean_of

Tuning = Literal["lora", "full"]


class MeanStates(nn.Module):
    """Mean of the last layer's states, ``(sample, token)`` to ``(sample, feature)``.

    Args:
        model: as ``load_model`` gives it.
    """

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model
        self.padding, self.highest = model.config.pad_token_id or 0, model.config.vocab_size - 1

    def forward(self, x: Tensor) -> Tensor:
        ids = x.long().clamp(0, self.highest)
        real = ids != self.padding
        states = self.model(input_ids=ids, attention_mask=real.long()).last_hidden_state
        return mean_of(states.unsqueeze(0), real.unsqueeze(0)).squeeze(0)


class PretrainedEncoder(nn.Module):
    """Mean of the last layer's states, ``(member, sample, token)`` to features.

    What is trained are parameters with a member axis, and each member is computed on its own; what
    is not are buffers that the members share, which no file of weights repeats.

    Args:
        model: as ``load_model`` gives it.
        tuning: ``lora`` trains the adapters in the model, ``full`` all of it.
        init: draws the adapters.
    """

    def __init__(self, model: Any, tuning: Tuning, init: Init) -> None:
        super().__init__()
        self.padding = model.config.pad_token_id or 0
        self.highest, self.token_width = model.config.vocab_size - 1, model.config.hidden_size
        self.trained: dict[str, str] = {}
        self.shared: dict[str, str] = {}
        for name, tensor in model.named_parameters():
            own = name.replace(".", "/")
            if tuning == "full" or (tuning == "lora" and ".lora_" in name):
                self.trained[name] = own
                self.register_parameter(own, _first(name, tensor, init))
            else:
                self._share(name, tensor.detach().to(init.dtype))
        for name, tensor in model.named_buffers():
            self._share(name, tensor)
        # In a tuple, so that its tensors, which are these ones' place holders, aren't trained.
        self.held = (model.to("meta").eval(),)

    def _share(self, name: str, tensor: Tensor) -> None:
        self.shared[name] = name.replace(".", "/")
        self.register_buffer(self.shared[name], tensor, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        ids = x.long().clamp(0, self.highest)
        return torch.cat([self._encode(part, k) for k, part in enumerate(ids.split(1))])

    def _encode(self, ids: Tensor, member: int) -> Tensor:
        """Features of ``(some, sample, token)`` by one member's weights."""
        weights = {name: getattr(self, own) for name, own in self.shared.items()}
        weights |= {name: getattr(self, own)[member] for name, own in self.trained.items()}
        real = ids != self.padding
        inputs = {"input_ids": ids.flatten(0, 1), "attention_mask": real.flatten(0, 1).long()}
        states = functional_call(self.held[0], weights, (), inputs).last_hidden_state
        return mean_of(states.unflatten(0, ids.shape[:2]), real)


def _first(name: str, tensor: Tensor, init: Init) -> nn.Parameter:
    """A parameter's first values, the file's to every member; adapters are each member's own."""
    if ".lora_A." in name:
        return init.uniform(1 / sqrt(tensor.shape[1]), *tensor.shape)
    if ".lora_B." in name:
        return init.constant(0.0, *tensor.shape)
    return nn.Parameter(tensor.detach().to(init.dtype).repeat(init.members, *[1] * tensor.ndim))


def load_model(folder: Path) -> Any:
    """The model of a folder.

    Raises:
        DataError: a library is missing, or the folder holds no such model in safetensors.
        ValueError: the model reads no tokens.
    """
    try:
        import transformers
    except ImportError as error:
        raise DataError(
            "the encoder huggingface needs transformers: pip install 'armtune[huggingface]'"
        ) from error
    transformers.utils.logging.disable_progress_bar()
    transformers.utils.logging.set_verbosity_error()
    try:
        model, report = transformers.AutoModel.from_pretrained(
            folder,
            local_files_only=True,
            use_safetensors=True,
            trust_remote_code=False,
            output_loading_info=True,
        )
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        reason = str(error).strip().splitlines()[0]
        raise DataError(f"{folder}: no model that can be read ({reason})") from error
    if model.main_input_name != "input_ids" or model.config.is_encoder_decoder:
        raise ValueError(f"huggingface reads texts: {folder.name} is no encoder of tokens")
    if hasattr(model, "pooler"):
        model.pooler = None  # the mean of the last states is taken instead
    missing = sorted(name for name in report["missing_keys"] if not name.startswith("pooler."))
    if missing:
        raise DataError(f"{folder}: lacks {len(missing)} tensors, such as {missing[0]}")
    return model


def adapted(model: Any, rank: int) -> Any:
    """With low-rank adapters beside all linear layers (Hu et al., ICLR 2022)."""
    try:
        import peft
    except ImportError as error:
        raise DataError("tuning: lora needs peft: pip install 'armtune[huggingface]'") from error
    config = peft.LoraConfig(r=rank, lora_alpha=2 * rank, target_modules="all-linear")
    return peft.inject_adapter_in_model(config, model)
