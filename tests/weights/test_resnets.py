"""Public ResNets: the forward pass of the published definition, and the releases' prefixes."""

from pathlib import Path

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jssl.core.state import paths
from jssl.encoders import RegNet
from jssl.errors import UserError
from jssl.weights import import_weights, load, save_weights
from jssl.weights.families import FAMILIES
from jssl.weights.importing import export_names
from jssl.weights.names import carry_back
from jssl.weights.safetensors import write_safetensors
from tests.weights.published import Arrays, resnet, resnet_forward

IMAGES = np.random.default_rng(1).normal(size=(1, 32, 32, 3)).astype(np.float32)


def written(folder: Path, arrays: Arrays) -> Path:
    path = folder / "model.safetensors"
    write_safetensors(path, arrays)
    return path


@pytest.mark.rotating
@pytest.mark.parametrize(
    ("blocks", "width", "bottleneck"), [((1, 1, 1, 1), 8, False), ((3, 4, 6, 3), 4, True)]
)
def test_features_are_those_of_the_definition(
    tmp_path: Path, blocks: tuple[int, ...], width: int, bottleneck: bool
) -> None:
    arrays = resnet(blocks, width, bottleneck=bottleneck)
    found = import_weights(written(tmp_path, arrays), "resnet")
    wanted = resnet_forward(arrays, IMAGES)
    features = found.encoder.apply(found.variables, IMAGES, train=False)
    cells = np.moveaxis(np.asarray(features.extras["stage4"]), -1, 1)
    assert np.abs(cells - wanted).max() <= 1e-4 * np.abs(wanted).max()
    assert np.allclose(features.pooled, wanted.mean(axis=(2, 3)), atol=1e-4 * np.abs(wanted).max())
    tracked = {name for name in arrays if name.endswith("tracked")}
    assert set(found.unused) == tracked and set(found.used) == arrays.keys() - tracked


ARRAYS = resnet((1, 1, 1, 1), 4, bottleneck=False)
HEAD = {"0.weight": np.ones((4, 4), np.float32)}


@pytest.mark.parametrize(
    ("family", "prefix", "others"),
    [
        ("resnet", "module.", {"module.fc.weight": HEAD["0.weight"]}),
        ("moco", "module.encoder_q.", {"module.encoder_q.fc.2.weight": HEAD["0.weight"]}),
        ("moco", "module.encoder_q.", {"module.encoder_k.bn1.bias": HEAD["0.weight"]}),
        ("moco", "module.base_encoder.", {"module.predictor.0.weight": HEAD["0.weight"]}),
        ("swav", "module.", {"module.prototypes.weight": HEAD["0.weight"]}),
        ("barlow_twins", "module.backbone.", {"module.bn.running_var": HEAD["0.weight"]}),
        ("vicreg", "", {"projector.3.bias": HEAD["0.weight"]}),
        ("simclr", "", {"fc.weight": HEAD["0.weight"]}),
        ("vissl_resnet", "_feature_blocks.", {}),
    ],
)
def test_prefixes_and_heads_of_releases(
    tmp_path: Path, family: str, prefix: str, others: Arrays
) -> None:
    named = {f"{prefix}{name}": value for name, value in ARRAYS.items()}
    found = import_weights(written(tmp_path, {**named, **others}), family)
    again = export_names(found)
    kept = {name: value for name, value in ARRAYS.items() if not name.endswith("tracked")}
    assert again.keys() == kept.keys()
    for name, value in kept.items():
        assert again[name].tobytes() == value.tobytes(), name


@pytest.mark.parametrize("family", ["timm_regnet", "torchvision_regnet", "vissl_regnet"])
def test_regnets_are_recognised_by_their_shapes(tmp_path: Path, family: str) -> None:
    """Names of a RegNetY-400MF, out and in; that the numbers are right, timm shows where it is."""
    encoder = RegNet("400MF")
    shape = jax.ShapeDtypeStruct((1, 64, 64, 3), jnp.float32)
    drawn = jax.eval_shape(lambda x: encoder.init(jax.random.key(0), x, train=False), shape)
    rng = np.random.default_rng(0)
    flat = {
        name.removeprefix("params/"): rng.normal(size=leaf.shape).astype(np.float32)
        for name, leaf in paths(drawn).items()
    }
    names = carry_back(flat, FAMILIES[family].layouts[0].rules, {})
    fc = 2 * (family == "torchvision_regnet")
    norms = sum(name.endswith("running_mean") for name in names)
    assert len(names) + norms + fc == 382 + fc  # published, with counters and torchvision's fc
    if family == "vissl_regnet":  # ClassyVision's own names, as SEER's files have them
        assert {"res2.block1-0.f.c.weight", "res2.block1-0.f.final_bn.running_var"} <= names.keys()
        assert {"res5.block4-0.bn.bias", "conv1.stem.1.bias"} <= names.keys()
        names = {f"_feature_blocks.{name}": value for name, value in names.items()}
    found = import_weights(written(tmp_path, names), family)
    assert found.encoder == encoder
    for name, value in paths(found.variables).items():
        assert value.tobytes() == flat[name.removeprefix("params/")].tobytes(), name


def test_the_family_is_recognised_where_all_that_fit_agree(tmp_path: Path) -> None:
    path = written(tmp_path, ARRAYS)
    encoder, variables, preprocessing = load(path)
    assert encoder.depth == 10 and preprocessing["kind"] == "image"
    folder = save_weights(tmp_path / "out", import_weights(path, "resnet"), source="a file")
    same, again, _ = load(folder)
    assert same == encoder
    chex.assert_trees_all_equal(variables, again, strict=True)


def test_what_does_not_fit_is_named(tmp_path: Path) -> None:
    def refused(changes: dict[str, np.ndarray | None]) -> str:
        arrays = {k: v for k, v in {**ARRAYS, **changes}.items() if v is not None}
        with pytest.raises(UserError) as error:
            import_weights(written(tmp_path, arrays), "resnet")
        return str(error.value)

    lost = refused({"layer2.0.bn1.weight": None})
    assert "stage2_block0/norm0/scale" in lost and "nearest" in lost
    more = refused({"layer2.0.extra.weight": HEAD["0.weight"]})
    assert "layer2.0.extra.weight" in more and "layer" in more.split("nearest")[1]
    shape = refused({"layer2.0.bn1.bias": np.ones(5, np.float32)})
    assert "[5]" in shape and "[8]" in shape
    form = refused({"layer2.0.conv1.weight": np.ones((8, 4), np.float32)})
    assert "layer2.0.conv1.weight" in form
    broken = refused({"layer2.0.bn1.bias": np.full(8, np.nan, np.float32)})
    assert "NaN" in broken
    unknown = refused({"layer1.0.conv1.weight": None, "conv1.weight": None})
    assert "none of the layouts" in unknown
    blocks = refused({f"layer2.1.conv1.{k}": HEAD["0.weight"] for k in ("weight",)})
    assert "(1, 2, 1, 1)" in blocks
