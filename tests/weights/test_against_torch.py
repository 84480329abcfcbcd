"""Imported encoders beside those of transformers, with random weights, where it is installed."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

from jssl.weights import import_weights

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
pytestmark = pytest.mark.slow

RNG = np.random.default_rng(0)
IMAGES = RNG.normal(size=(2, 3, 32, 32)).astype(np.float32)
IDS = RNG.integers(1, 99, size=(2, 7))
SIZES = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
VISION = {**SIZES, "image_size": 32, "patch_size": 8}


def bert() -> Any:
    sizes = {**SIZES, "vocab_size": 100, "intermediate_size": 64, "max_position_embeddings": 16}
    return transformers.BertModel(transformers.BertConfig(**sizes))


def dinov2() -> Any:
    return transformers.Dinov2Model(transformers.Dinov2Config(**VISION))


@pytest.mark.parametrize(
    ("family", "make", "theirs", "ours", "prefix"),
    [
        ("dinov2", dinov2, IMAGES, IMAGES.transpose(0, 2, 3, 1), 1),
        ("bert", bert, IDS, (IDS + 1).astype(np.int32), 0),
    ],
)
def test_tokens(
    tmp_path: Path,
    family: str,
    make: Callable[[], Any],
    theirs: np.ndarray,
    ours: np.ndarray,
    prefix: int,
) -> None:
    torch.manual_seed(0)
    model = make().eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.02 * torch.randn_like(parameter))
        wanted = model(torch.from_numpy(theirs)).last_hidden_state.numpy()[:, prefix:]
    model.save_pretrained(tmp_path)
    found = import_weights(tmp_path, family)
    run = jax.jit(lambda variables, x: found.encoder.apply(variables, x, train=False).tokens)
    got = np.asarray(run(found.variables, ours))
    assert np.abs(got - wanted).max() < 1e-5 * np.abs(wanted).max()
