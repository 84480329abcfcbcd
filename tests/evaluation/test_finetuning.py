"""Fine-tuning: layer-wise rates, soft labels, frozen layers, and the protocol on a small run."""

import dataclasses
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tiny_runs import write_experiment

from jssl.cli import main
from jssl.config import experiment as registry
from jssl.core.layers import layer_factors
from jssl.core.state import paths
from jssl.errors import UserError
from jssl.evaluation.finetuning import SoftLabels, Tuning, tuned
from jssl.evaluation.record import Record
from jssl.runs.loop import Options, fit
from jssl.runs.run import Run

pytestmark = pytest.mark.rotating(shares=9)


def test_factors_fall_from_the_head_to_the_embedding():
    leaf = jnp.ones((2, 3))
    tree = {
        "encoder": {
            "patch_embedding": {"kernel": leaf},
            "class_token": leaf,
            "transformer": {
                **{f"block{i}": {"mlp": {"dense0": {"kernel": leaf}}} for i in range(12)},
                "norm": {"scale": leaf},
            },
        },
        "projector": {"dense0": {"kernel": leaf}},
    }
    found = {k: float(v) for k, v in paths(layer_factors(tree, 0.5)).items()}
    assert found["projector/dense0/kernel"] == found["encoder/transformer/norm/scale"] == 1
    for i in range(12):
        key = f"encoder/transformer/block{i}/mlp/dense0/kernel"
        assert found[key] == pytest.approx(0.5 ** (12 - i))
    assert found["encoder/patch_embedding/kernel"] == found["encoder/class_token"] == 0.5**13
    partial = {k: float(v) for k, v in paths(layer_factors(tree, 1.0, 2)).items()}
    trained = {k for k, v in partial.items() if v}
    assert trained == {
        *(f"encoder/transformer/block{i}/mlp/dense0/kernel" for i in (10, 11)),
        "encoder/transformer/norm/scale",
        "projector/dense0/kernel",
    }
    with pytest.raises(UserError, match="has 12 blocks, of which 13 cannot be trained"):
        layer_factors(tree, 1.0, 13)


def test_factors_of_stacked_blocks_and_of_a_resnet():
    stacked = {"encoder": {"transformer": {"blocks": {"kernel": jnp.ones((3, 4, 4))}}}}
    (factor,) = paths(layer_factors(stacked, 0.5)).values()
    np.testing.assert_allclose(np.ravel(factor), [0.125, 0.25, 0.5])
    assert factor.shape == (3, 1, 1)
    names = ["stage1_block0", "stage1_block1", "stage2_block0"]
    tree = {"encoder": {"stem_conv": {"kernel": 1.0}, **{n: {"conv1": 1.0} for n in names}}}
    found = {k: float(v) for k, v in paths(layer_factors(tree, 0.5)).items()}
    assert [found[f"encoder/{n}/conv1"] for n in names] == [0.125, 0.25, 0.5]
    assert found["encoder/stem_conv/kernel"] == 0.0625


def test_soft_labels_are_mixed_as_the_images_are():
    images = jnp.asarray(np.random.default_rng(0).random((6, 8, 8, 1)), jnp.float32)
    labels = jnp.arange(6) % 3
    views = {"image": images, "label": labels}
    plain = SoftLabels(3, smoothing=0.3)(jax.random.key(0), views)
    np.testing.assert_allclose(plain["target"], 0.7 * np.eye(3)[labels] + 0.1, rtol=1e-6)
    assert (plain["image"] == images).all()
    seen = set()
    for number in range(8):
        mixed = SoftLabels(3, mixup=1.0, cutmix=1.0)(jax.random.key(number), views)
        target, image = np.asarray(mixed["target"]), np.asarray(mixed["image"])
        np.testing.assert_allclose(target.sum(axis=1), 1, rtol=1e-5)
        own = target[np.arange(6), labels]
        for i in range(6):
            kept = image[i] == np.asarray(images[i])
            if 0 < kept.mean() < 1:  # a pasted rectangle: the share is that of the area
                seen.add("cutmix")
                assert own[i] >= kept.mean() - 1e-5
            elif kept.mean() == 0:
                seen.add("mixup")
    assert seen == {"cutmix", "mixup"}


@pytest.mark.parametrize("mask", [0.0, 0.5])
def test_frozen_layers_stay_and_others_move(tmp_path: Path, mask: float):
    small = registry.load("image/mae_shapes").smoke()
    recipe = Tuning(epochs=0.4, learning_rate=1.0, warmup_epochs=0, last_blocks=1, mask=mask)
    experiment = tuned(small, 10, 24, dataclasses.replace(recipe, batch_size=8))
    run = Run(experiment, 0, tmp_path / "run")
    options = Options(devices=1, probe_every=0, on_collapse="off")
    finished = fit(run, options, log=lambda line: None)
    start = finished.program.init(finished.program.root_key(0))
    before, after = paths(start.params), paths(finished.state.params)
    moved = {k for k in before if np.abs(np.asarray(before[k]) - np.asarray(after[k])).max() > 0}
    assert any("block1" in name for name in moved)
    assert any(name.startswith("projector") for name in moved)
    assert not any("block0" in name or "patch_embedding" in name for name in moved)


def test_a_mask_needs_tokens():
    resnet = registry.load("image/simclr_shapes").smoke()
    with pytest.raises(UserError, match="ResNet has no tokens to hide: set mask=0"):
        tuned(resnet, 10, 24, Tuning(mask=0.5))


def test_protocol_tunes_from_the_run_and_from_scratch(tmp_path: Path):
    folder = tmp_path / "run"
    train = ["train", str(write_experiment(tmp_path)), "--workdir", str(folder), "--devices", "2"]
    assert main([*train, "--no-evaluate", "--probe-every", "0"]) == 0
    settings = ["recipe.epochs=4", "recipe.batch_size=64", "recipe.learning_rate=0.02"]
    settings += ["recipe.mixup=0.0", "recipe.cutmix=0.0", "recipe.warmup_epochs=0"]
    command = [
        "evaluate",
        str(folder),
        "--trust",
        "--devices",
        "2",
        "--protocol",
        "finetune",
        "--set",
    ]
    assert main([*command, *settings]) == 0
    record = Record.load(folder / "evaluations" / "finetune.json")
    assert list(record.rows) == ["trained", "untrained"]
    for row in record.rows.values():
        assert row["fine-tuned"]["value"] > 0.5
    assert record.details["trained"]["start"]["folder"] == str(folder)
    assert record.details["untrained"]["start"] is None
    assert len(list((folder / "finetuned").glob("*/trained/run.json"))) == 1
