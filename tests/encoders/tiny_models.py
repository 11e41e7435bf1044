"""Folders with tiny random models of each kind that ``huggingface`` reads, as users have them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

transformers = pytest.importorskip("transformers")
transformers.utils.logging.disable_progress_bar()

Shape = tuple[int, ...]
SIZES: dict[str, Any] = {
    "hidden_size": 8, "intermediate_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2,
}  # fmt: skip
PICTURE = {"image_size": 16, "patch_size": 8}
WAVE = {
    **SIZES, "conv_dim": (4, 8), "conv_kernel": (10, 3), "conv_stride": (5, 2), "vocab_size": 8,
    "num_conv_pos_embeddings": 4, "num_conv_pos_embedding_groups": 2,
}  # fmt: skip
CLIP_VISION = {**SIZES, **PICTURE}
CLIP_TEXT = {**SIZES, "vocab_size": 20, "max_position_embeddings": 16, "eos_token_id": 2}
STAGES = {"hidden_sizes": [4, 8], "depths": [1, 2]}


def _whole(kind: str) -> Any:
    return {
        "vit": lambda t: t.ViTModel(t.ViTConfig(**SIZES, **PICTURE)),
        "dinov2": lambda t: t.Dinov2Model(t.Dinov2Config(**SIZES, **PICTURE)),
        "clip": lambda t: t.CLIPModel(
            t.CLIPConfig(vision_config=CLIP_VISION, text_config=CLIP_TEXT, projection_dim=4)
        ),
        "siglip": lambda t: t.SiglipModel(
            t.SiglipConfig(
                vision_config=CLIP_VISION, text_config={**CLIP_TEXT, "projection_size": 8}
            )
        ),
        "convnext": lambda t: t.ConvNextModel(t.ConvNextConfig(num_stages=2, **STAGES)),
        "resnet": lambda t: t.ResNetModel(t.ResNetConfig(embedding_size=4, **STAGES)),
        "wav2vec2": lambda t: t.Wav2Vec2Model(t.Wav2Vec2Config(**WAVE)),
        "hubert": lambda t: t.HubertModel(t.HubertConfig(**WAVE)),
        "whisper": lambda t: t.WhisperModel(
            t.WhisperConfig(
                d_model=8,
                encoder_layers=2,
                decoder_layers=1,
                encoder_attention_heads=2,
                decoder_attention_heads=2,
                encoder_ffn_dim=16,
                decoder_ffn_dim=16,
                num_mel_bins=8,
                max_source_positions=50,
                vocab_size=20,
                max_target_positions=8,
                pad_token_id=0,
                bos_token_id=1,
                eos_token_id=2,
                decoder_start_token_id=1,
            )
        ),
        "ast": lambda t: t.ASTModel(t.ASTConfig(**SIZES, max_length=40, num_mel_bins=32)),
    }[kind](transformers)


MEAN_STD = {"image_mean": [0.5, 0.4, 0.3], "image_std": [0.2, 0.3, 0.4]}
SIDES = {"height": 16, "width": 16}
PICTURES: dict[str, dict[str, Any]] = {
    "vit": {"size": SIDES, "resample": 2, **MEAN_STD},
    "dinov2": {
        "size": {"shortest_edge": 20}, "crop_size": SIDES, "do_center_crop": True, "resample": 3,
        **MEAN_STD,
    },
    "clip": {
        "size": {"shortest_edge": 16}, "crop_size": SIDES, "do_center_crop": True, "resample": 3,
        "do_rescale": True, "rescale_factor": 1 / 255, **MEAN_STD,
    },
    "siglip": {"size": SIDES, "resample": 3, "image_mean": [0.5] * 3, "image_std": [0.5] * 3},
    "convnext": {"size": {"shortest_edge": 16}, "crop_pct": 0.8, "resample": 3, **MEAN_STD},
    "resnet": {"size": 16, "resample": 2, "do_normalize": False},
}  # fmt: skip
"""How each kind's images are prepared, as ``preprocessor_config.json`` says it."""
SCALED = {"vit": 16, "dinov2": 20, "clip": 16, "siglip": 16, "convnext": 20, "resnet": 16}
"""The side that a square image is scaled to; 16 of it are cut out of the middle."""


def _write_preprocessor(kind: str, folder: Path) -> None:
    if kind in PICTURES:
        content = json.dumps(PICTURES[kind])
        (folder / "preprocessor_config.json").write_text(content, encoding="utf-8")
    elif kind == "whisper":
        transformers.WhisperFeatureExtractor(8, chunk_length=1).save_pretrained(folder)
    elif kind == "ast":
        transformers.ASTFeatureExtractor(num_mel_bins=32, max_length=40).save_pretrained(folder)
    else:
        transformers.Wav2Vec2FeatureExtractor(do_normalize=True).save_pretrained(folder)


KINDS: dict[str, Shape] = {
    "vit": (3, 20, 20), "dinov2": (3, 20, 20), "clip": (3, 20, 20), "siglip": (20, 20),
    "convnext": (1, 20, 20), "resnet": (3, 12, 12), "wav2vec2": (400,), "hubert": (400,),
    "whisper": (800,), "ast": (4000,),
}  # fmt: skip
"""Each kind with the shape of samples that tests give it."""


def make_model(kind: str, folder: Path) -> Path:
    """A folder with a model and its preprocessor."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = _whole(kind)
        for parameter in model.parameters():
            # As they begin, features hardly tell samples apart.
            parameter.data = parameter.data + 0.1 * torch.randn_like(parameter)
    model.save_pretrained(folder)
    _write_preprocessor(kind, folder)
    return folder


Maker = Callable[[str], Path]
