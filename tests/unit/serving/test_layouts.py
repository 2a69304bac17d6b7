"""Which files of a repo in folders a worker gets to see."""

import pytest

from pioche.errors import NotServed
from pioche.serving import choice, layouts
from pioche.serving.spec import EngineName

PATHS = (
    "README.md", "model_index.json", "pipeline.py", "unet/config.json", "unet/diffusion_pytorch_model.safetensors",
    "unet/diffusion_pytorch_model.fp16.safetensors", "unet/diffusion_pytorch_model.non_ema.safetensors",
    "text_encoder/model.fp16.safetensors", "text_encoder/pytorch_model.bin", "tokenizer/vocab.json", "v1-5.safetensors",
    "vae/diffusion_pytorch_model-00001-of-00002.safetensors", "vae/diffusion_pytorch_model-00002-of-00002.safetensors",
)  # fmt: skip


def test_each_part_has_its_weights_once_and_nothing_that_runs() -> None:
    chosen = choice.choose("text-to-image", PATHS)
    assert chosen.engine is EngineName.DIFFUSERS
    assert chosen.files == (
        "text_encoder/model.fp16.safetensors",
        "unet/diffusion_pytorch_model.safetensors",
        "vae/diffusion_pytorch_model-00001-of-00002.safetensors",
        "vae/diffusion_pytorch_model-00002-of-00002.safetensors",
        "model_index.json",
        "tokenizer/vocab.json",
        "unet/config.json",
    )


def test_pickles_alone_are_not_served() -> None:
    assert layouts.diffusers(["model_index.json", "unet/diffusion_pytorch_model.bin"]) == ()
    with pytest.raises(NotServed, match="model_index"):
        choice.choose("text-to-image", ["model.safetensors", "config.json"])
