"""Views: determinism, correspondence, channels, and what a mistake says."""

from functools import partial

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import AxisType, NamedSharding, PartitionSpec
from sklearn.datasets import load_sample_images

from jssl.augmentations import (
    batchwise,
    colour,
    erase,
    geometry,
    mapping,
    policy,
    recipes,
    tone,
    warp,
)
from jssl.augmentations.blur import gaussian_blur
from jssl.augmentations.compose import Views, pipeline, sometimes, tracked
from jssl.augmentations.correspondence import correspond, dense_correspondence, inside
from jssl.augmentations.fields import random_field_affine, random_field_colour
from jssl.augmentations.projective import transform
from jssl.config.experiment import load
from jssl.errors import UserError

KEY = jax.random.key(11)


def batch_of(size, side=32, channels=3):
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (size, side, side, channels), dtype=np.uint8)
    return {"image": jnp.asarray(image), "index": jnp.arange(size, dtype=jnp.int32) + 1000}


def _shapes():
    from jssl.data import Shapes

    small = np.asarray(Shapes(train=8, validation=4, test=4).load().train[np.arange(8)]["image"])
    return small.repeat(64 // small.shape[1], 1).repeat(64 // small.shape[2], 2)


def _photographs():
    """Eight squares of scikit-learn's two JPEG photographs, reduced to 64 pixels."""
    squares = []
    for photograph in load_sample_images().images:
        for column in (0, 100, 210, 320):
            part = photograph[:, column : column + 320][50:370]
            squares.append(part.reshape(64, 5, 64, 5, 3).mean((1, 3)))
    return np.round(np.stack(squares)).astype(np.uint8)


@pytest.mark.rotating
def test_views_depend_on_key_and_index_alone():
    """Equal to float32 rounding: another shape is another program, which may fuse differently."""
    small = recipes.dino_multicrop(24, local=12, crops=2)
    views = Views(
        b=dict(recipes.byol(24, stats=None).entries)["b"],
        local=dict(small.entries)["local"],
        mask=dict(recipes.mae(24, tokens=36).entries)["mask"],
    )
    run = jax.jit(views)
    images = np.concatenate([_shapes(), _photographs()])
    batch = {"image": jnp.asarray(images), "index": jnp.arange(16) + 1000}
    whole = jax.tree.map(np.asarray, run(KEY, batch))

    equal = partial(chex.assert_trees_all_close, rtol=0, atol=5e-6)  # whole numbers are exact
    # Another size, another order, other neighbours.
    rows = np.asarray([3, 15, 3, 7, 0])
    equal(run(KEY, jax.tree.map(lambda x: x[rows], batch)), jax.tree.map(lambda x: x[rows], whole))
    # Eight devices, which exchange nothing.
    mesh = jax.make_mesh((8,), ("data",), axis_types=(AxisType.Auto,))
    spread = NamedSharding(mesh, PartitionSpec("data"))
    lowered = jax.jit(views, out_shardings=spread).lower(KEY, jax.device_put(batch, spread))
    program = lowered.compile()
    text = program.as_text()
    assert not any(word in text for word in ("all-gather", "all-reduce", "all-to-all"))
    equal(program(KEY, jax.device_put(batch, spread)), whole)
    # One example after another, as on a CPU; each device its own.
    for devices in (1, 8):
        some = jax.make_mesh((devices,), ("data",), axis_types=(AxisType.Auto,))
        placed = jax.device_put(batch, NamedSharding(some, PartitionSpec("data")))
        equal(jax.jit(partial(views, mesh=some))(KEY, placed), whole)
    # The same program gives the same bits; another key or another draw does not.
    chex.assert_trees_all_equal(run(KEY, batch), whole)
    assert np.abs(whole["b"] - run(jax.random.key(12), batch)["b"]).max() > 0.1
    assert np.abs(whole["local"][:, 0] - whole["local"][:, 1]).max() > 0.1
    # What other views there are does not matter.
    alone = jax.jit(Views(mask=dict(views.entries)["mask"]))(KEY, batch)
    equal(alone, {"mask": whole["mask"]})


def test_small_examples_are_mapped_in_bites():
    """Whatever divides, the results are those of the function alone, in order."""
    one_device = jax.make_mesh((1,), ("data",), axis_types=(AxisType.Auto,))

    def draw(key, example):
        return jax.random.fold_in(key, example["index"]), example["image"].sum() * 2.0

    side = 40
    assert 1 < mapping.BITE // side**2 < 41 and side**2 < mapping.ALONE
    for count in (1, 40, 41, 82):  # 41 bites would fit no divisor: a rest remains
        batch = {"image": jnp.arange(count * side**2).reshape(count, side, side, 1) % 7}
        batch |= {"index": jnp.arange(count) + 5}
        run = jax.jit(partial(mapping.map_examples, draw, mesh=one_device))
        keys, sums = run(KEY, batch)
        assert bool(jnp.all(keys == jax.vmap(partial(jax.random.fold_in, KEY))(batch["index"])))
        np.testing.assert_array_equal(sums, 2.0 * batch["image"].sum((1, 2, 3)))


def painted(side):
    """An image whose red and green are the x and y of each pixel's centre, as shares."""
    y, x = (np.mgrid[:side, :side] + 0.5) / side
    return np.stack([x, y, np.ones_like(x)], -1).astype(np.float32)


MOVES = pipeline(
    partial(geometry.random_resized_crop, size=48, scale=(0.3, 1.0), method="bilinear"),
    geometry.flip,
    partial(geometry.flip, axis="vertical"),
    sometimes(warp.rotate90, 0.5),
    partial(warp.rotation, degrees=(-20.0, 20.0)),
    sometimes(
        partial(
            warp.affine, degrees=(-10, 10), translate=(0.1, 0.1), scale=(0.8, 1.2), shear=(-8, 8)
        ),
        0.7,
    ),
    sometimes(partial(warp.perspective, distortion=0.3), 0.7),
    partial(geometry.resize, size=40),
    partial(geometry.centre_crop, size=36),
)


def _pairs(images):
    batch = {"image": jnp.asarray(images), "index": jnp.arange(len(images))}
    return jax.tree.map(np.asarray, jax.jit(Views(a=tracked(MOVES), b=tracked(MOVES)))(KEY, batch))


@pytest.mark.rotating
@pytest.mark.parametrize("images", [_shapes, _photographs])
def test_a_point_maps_to_the_same_content(images):
    """Checked against coordinates painted beside the colours: the error is under one pixel."""
    images = images()
    paint = np.tile(painted(64), (len(images), 1, 1, 1))
    views = _pairs(np.concatenate([paint, images / np.float32(255)], -1).repeat(2, 0))
    y, x = np.mgrid[4:32:4, 4:32:4]
    points = np.stack([x, y], -1).reshape(-1, 2) + 0.5
    total, checked = 0.0, 0
    for i in range(16):
        a, b = ({k: v[i] for k, v in views[n].items()} for n in ("a", "b"))
        there = np.asarray(correspond(a["warp"], b["warp"], jnp.asarray(points)))
        column, row = np.floor(there).astype(int).T
        seen = (column >= 1) & (column < 35) & (row >= 1) & (row < 35)
        # The paint of a pixel in b, mapped into view a by its own paint, must be the point.
        for point, c, r in zip(points[seen], column[seen], row[seen], strict=True):
            around_b = b["image"][r - 1 : r + 2, c - 1 : c + 2, :3]
            mine = a["image"][int(point[1]), int(point[0])][:3]
            whole = a["image"][
                int(point[1]) - 1 : int(point[1]) + 2, int(point[0]) - 1 : int(point[0]) + 2, :3
            ]
            if around_b[..., 2].min() < 0.999 or whole[..., 2].min() < 0.999:
                continue  # blended with the outside
            source = np.asarray(transform(a["warp"], jnp.asarray(point)))
            np.testing.assert_allclose(mine[:2] * 64, source, atol=0.75)
            # One pixel of view b is this many source pixels.
            step = max(np.ptp(around_b[..., 0]), np.ptp(around_b[..., 1])) * 64 / 2
            error = np.abs(b["image"][r, c, :2] - mine[:2]).max() * 64
            total, checked = max(total, error / max(step, 0.5)), checked + 1
    assert checked > 100
    assert total < 1.0, total


@pytest.mark.rotating
@pytest.mark.parametrize("images", [_shapes, _photographs])
def test_corresponding_pixels_look_alike(images):
    """Smooth images: a point and its image in the other view have the same colour."""
    images = images()
    smooth = jax.vmap(lambda x: gaussian_blur(KEY, x, kernel=17, sigma=4.0))(jnp.asarray(images))
    crop = pipeline(
        partial(geometry.random_resized_crop, size=32, scale=(0.4, 1.0)),
        geometry.flip,
        partial(warp.rotation, degrees=(-15.0, 15.0)),
    )
    batch = {"image": smooth, "index": jnp.arange(len(images))}
    views = jax.jit(Views(a=tracked(crop), b=tracked(crop)))(KEY, batch)
    matched, shuffled = [], []
    for i in range(len(images)):
        there, seen = dense_correspondence(views["a"]["warp"][i], views["b"]["warp"][i], 8, 32, 32)
        seen &= inside(there - 6, 20)
        there = jnp.clip(there, 0, 31).astype(int)
        a = np.asarray(views["a"]["image"][i])[2::4, 2::4]
        b = np.asarray(views["b"]["image"][i])
        ok = np.asarray(seen) & (a.max(-1) > 0)
        matched.append(np.abs(a - b[there[..., 1], there[..., 0]])[ok])
        shuffled.append(np.abs(a - b[there[..., 0], there[..., 1]])[ok])
    matched, shuffled = np.concatenate(matched).mean(), np.concatenate(shuffled).mean()
    assert matched < 0.035, matched
    assert matched < 0.5 * shuffled, (matched, shuffled)


@pytest.mark.rotating
def test_tracking_changes_no_pixel_and_refuses_dense_maps():
    batch = batch_of(4)
    bare = jax.jit(Views(a=MOVES))(KEY, batch)["a"]
    with_warp = jax.jit(Views(a=tracked(MOVES)))(KEY, batch)["a"]["image"]
    np.testing.assert_allclose(bare, with_warp, atol=1e-5)
    example = {"image": batch["image"][0]}
    with pytest.raises(UserError, match="no matrix"):
        tracked(pipeline(random_field_affine))(KEY, example)


ANY = {
    "crop": partial(geometry.random_resized_crop, size=12, method="bicubic"),
    "flip": geometry.flip,
    "rotation": warp.rotation,
    "perspective": warp.perspective,
    "jitter": partial(colour.colour_jitter, brightness=0.4, contrast=0.4),
    "solarize": colour.solarize,
    "blur": partial(gaussian_blur, kernel=5),
    "equalize": tone.equalize,
    "autocontrast": tone.autocontrast,
    "posterize": tone.posterize,
    "sharpness": tone.sharpness,
    "erasing": erase.random_erasing,
    "normalise": partial(colour.normalise, mean=(0.5,), std=(0.2,)),
    "normalise_image": colour.normalise_image,
    "field": random_field_affine,
}


@pytest.mark.rotating
@pytest.mark.parametrize("channels", [1, 3, 5])
def test_any_number_of_channels_where_it_means_something(channels):
    """Each channel of a many-channel image is treated as it would be alone (or refused)."""
    image = batch_of(1, 18, channels)["image"][0, :, :16]
    for name, op in ANY.items():
        out = np.asarray(op(KEY, image))
        assert out.shape[-1] == channels and out.dtype == np.float32, name
        if name != "jitter":  # contrast takes the mean of all channels
            np.testing.assert_allclose(
                out[..., :1], op(KEY, image[..., :1]), atol=1e-5, err_msg=name
            )
    colourful = (
        colour.grayscale,
        partial(colour.colour_jitter, hue=0.1, saturation=0.2),
        random_field_colour,
        policy.trivial_augment,
    )
    for op in colourful:
        if channels == 5:
            with pytest.raises(UserError, match="5 channels"):
                op(KEY, image)
        else:
            assert op(KEY, image).shape == image.shape
    if channels == 1:
        np.testing.assert_allclose(colour.grayscale(None, image), image / 255.0, atol=1e-6)


def test_whole_batch_operations_run_last():
    views = Views(a=pipeline(geometry.flip), batch=(partial(batchwise.mixup, names=("a",)),))
    out = jax.jit(views)(KEY, batch_of(6))
    plain = jax.jit(Views(a=pipeline(geometry.flip)))(KEY, batch_of(6))["a"]
    share = out["mixup"]["share"][:, None, None, None]
    expected = plain * share + plain[out["mixup"]["partner"]] * (1 - share)
    np.testing.assert_allclose(out["a"], expected, atol=1e-6)


@pytest.mark.rotating
def test_every_recipe_has_a_stable_text_and_runs_in_shapes():
    for name in recipes.names():
        views = recipes.get(name)
        assert "0x" not in repr(views), name
        shape = jax.ShapeDtypeStruct((2, 48, 56, 3), jnp.uint8)
        index = jax.ShapeDtypeStruct((2,), jnp.int32)
        out = jax.eval_shape(views, KEY, {"image": shape, "index": index})
        assert all(x.shape[0] == 2 for x in jax.tree.leaves(out)), name
    fixed = recipes.evaluation(size=20, share=20 / 24)
    assert fixed(None, {"image": jnp.zeros((30, 40, 3), jnp.uint8)}).shape == (20, 20, 3)


def test_mistakes_get_a_sentence():
    image = jnp.zeros((8, 10, 3))
    for match, act in (
        ("did you mean 'byol'", lambda: recipes.get("byoll")),
        ("has no 'sise'", lambda: recipes.get("byol", sise=3)),
        ("carries 'index'", lambda: recipes.byol()(KEY, {"image": image[None]})),
        ("'pixels'", lambda: pipeline(field="pixels")(KEY, {"image": image})),
        ("at least one view", lambda: Views()),
        (r"shape \(2, 8, 10, 3\)", lambda: geometry.flip(KEY, jnp.stack([image] * 2))),
        ("int32", lambda: geometry.flip(KEY, image.astype(jnp.int32))),
        ("does not fit", lambda: geometry.centre_crop(KEY, image, size=9)),
        ("'bicubic'", lambda: geometry.resize(KEY, image, size=4, method="bicubik")),
        ("square", lambda: warp.rotate90(KEY, image)),
        ("kernel", lambda: gaussian_blur(KEY, image, kernel=4)),
        ("2 numbers", lambda: colour.normalise(None, image, mean=(0.0, 1.0), std=(1.0,))),
        ("hue of at most 0.5", lambda: colour.colour_jitter(KEY, image, hue=0.7)),
        ("magnitude", lambda: policy.rand_augment(KEY, image, magnitude=40)),
        ("no view 'b'", lambda: batchwise.mixup(KEY, {"a": image[None]}, names=("b",))),
        ("do not tile", lambda: batchwise.patch_mix(KEY, {"a": image[None]}, patch=3)),
    ):
        with pytest.raises(UserError, match=match):
            act()


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("image/simclr_shapes", 2),
        ("image/swav_shapes", 6),
        ("image/w_mse_shapes", 2),
        ("image/maskfeat_shapes", 1),
        ("image/gmml_shapes", 1),
        ("image/diet_shapes", 1),
        ("audio/simclr_tones", 2),
        ("text/simclr_phrases", 2),
        ("text/mlm_phrases", 1),
        ("graph/simclr_motifs", 2),
        ("tabular/simclr_factors", 2),
    ],
)
def test_inputs_are_counted(name: str, count: int) -> None:
    experiment = load(name)
    batch = experiment.data.smoke().load().train[np.arange(1)]
    example = {key: jax.ShapeDtypeStruct(x.shape[1:], x.dtype) for key, x in batch.items()}
    example["index"] = jax.ShapeDtypeStruct((), np.int32)
    assert experiment.views.count(example) == count
