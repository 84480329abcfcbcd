"""Short trainings from published weights: whole, with adapters, and of the last blocks."""

import sys
from pathlib import Path

import jax
import numpy as np
import pytest

import jssl
from jssl.core.state import paths
from jssl.errors import UserError
from jssl.runs import warm_start
from jssl.runs.options import Options
from jssl.runs.restoring import restore
from jssl.runs.run import Run
from jssl.testing.quick import quick_compilation
from jssl.weights import load
from jssl.weights.safetensors import write_safetensors
from tests.data.tokenizer_files import stand_in
from tests.own.own_form_data import sounds
from tests.weights.layouts import wave
from tests.weights.test_text_embedding import TEXTS, published

pytestmark = pytest.mark.rotating

QUICK = {"evaluate": False, "devices": 1, "probe_every": 0, "on_collapse": "off"}


@pytest.fixture(scope="module", autouse=True)
def quick():
    before = sys.modules.get("tokenizers")
    sys.modules["tokenizers"] = stand_in()
    with quick_compilation():
        yield
    del sys.modules["tokenizers"]
    if before is not None:
        sys.modules["tokenizers"] = before


def encoders(run: Run) -> tuple[dict, dict, np.ndarray]:
    """Parameters of the encoder before the first step and after the last, and three inputs."""
    program, state, splits = restore(run, Options(devices=1), log=lambda line: None)
    start = program.init(program.root_key(run.seed), warm_start.load(run, program))
    field = run.experiment.preprocess.field
    return start.params["encoder"], state.params["encoder"], splits.train[np.arange(3)][field]


def pooled(encoder: object, variables: dict, x: np.ndarray) -> np.ndarray:
    return np.asarray(jax.jit(lambda v, x: encoder.apply(v, x, train=False).pooled)(variables, x))


def moved(before: dict, after: dict) -> set[str]:
    old, new = paths(before), paths(after)
    assert old.keys() == new.keys()
    return {n for n in old if np.asarray(old[n]).tobytes() != np.asarray(new[n]).tobytes()}


def texts(folder: Path) -> tuple[Path, Path]:
    path = folder / "texts.txt"
    path.write_text("\n".join(f"{TEXTS[k % 3]} {'boat ' * (k // 3)}" for k in range(24)) + "\n")
    return published(folder / "hub"), path


def masked(folder: Path, weights: Path, data: Path, *overrides: str) -> Run:
    return jssl.train(
        "text/mlm_own",
        folder,
        overrides=("batch_size=8", "epochs=2", "optimizer.warmup_epochs=0", *overrides),
        init_from=weights,
        data=data,
        data_options={"length": 10},
        log=lambda line: None,
        **QUICK,
    )


def test_masked_language_modelling_from_bert(tmp_path: Path) -> None:
    weights, data = texts(tmp_path)
    run = masked(tmp_path / "run", weights, data)
    encoder, variables, _ = load(weights, "bert")
    before, after, x = encoders(run)
    assert x[:, 0].tolist() == [3, 3, 3]  # [CLS], as the tokenizer beside the weights has it
    wanted = pooled(encoder, variables, x)
    found = pooled(run.experiment.encoder, {"params": before}, x)
    np.testing.assert_array_equal(found, wanted)
    assert moved(before, after) == set(paths(before))
    # Symbols of the wrong kind are refused: bytes, and an experiment of pieces without a file.
    (weights / "vocab.txt").rename(tmp_path / "vocab.txt")
    with pytest.raises(UserError, match="has no tokenizer beside it"):
        masked(tmp_path / "other", weights, data)
    with pytest.raises(UserError, match="text/mlm_sst2 does not: train on texts of yours"):
        jssl.train("text/mlm_sst2", tmp_path / "other", init_from=weights)


@pytest.mark.parametrize("trained", ["adapters", "last_blocks"])
def test_what_is_not_trained_keeps_its_bits(tmp_path: Path, trained: str) -> None:
    weights, data = texts(tmp_path)
    settings = {
        "adapters": ("encoder.lora=2", "optimizer.trained=adapters"),
        "last_blocks": ("optimizer.trained=last_blocks", "optimizer.last_blocks=1"),
    }
    run = masked(tmp_path / "run", weights, data, *settings[trained], "optimizer.weight_decay=0.1")
    encoder, variables, _ = load(weights, "bert")
    before, after, x = encoders(run)
    wanted = pooled(encoder, variables, x)
    found = pooled(run.experiment.encoder, {"params": before}, x)
    np.testing.assert_allclose(found, wanted, atol=1e-6)  # additions start at zero
    names = moved(before, after)
    if trained == "adapters":
        assert {n for n in paths(before) if "lora_" in n} | {"mask_token"} == names
        assert len(names) == 2 * 2 * 4 + 1
    else:
        block = {n for n in paths(before) if n.startswith("transformer/block1/")}
        assert names == block | {"mask_token"}  # post-norm: there is no final norm
    public = paths(variables["params"])
    for name in paths(after).keys() - names:
        assert np.asarray(paths(after)[name]).tobytes() == public[name].tobytes(), name


def test_wav2vec_from_its_published_layout(tmp_path: Path) -> None:
    write_safetensors(tmp_path / "model.safetensors", wave(large=False))
    (tmp_path / "config.json").write_text('{"num_attention_heads": 2}')
    sounds(tmp_path)
    run = jssl.train(
        "audio/wav2vec2_digits",
        tmp_path / "run",
        overrides=(
            "batch_size=4",
            "epochs=2",
            "method.entries=4",
            "method.negatives=3",
            "views.mask.tokens=9",
        ),
        init_from=tmp_path / "model.safetensors",
        init_as="wav2vec2",
        data=tmp_path / "sounds",
        log=lambda line: None,
        **QUICK,
    )
    encoder, variables, _ = load(tmp_path / "model.safetensors", "wav2vec2")
    before, after, x = encoders(run)
    waves = jax.vmap(lambda one: run.experiment.preprocess(None, {"wave": one, "audio": one}))(x)
    wanted = pooled(encoder, variables, waves)
    found = pooled(run.experiment.encoder, {"params": before}, waves)
    np.testing.assert_array_equal(found, wanted)
    assert len(moved(before, after)) > 20
