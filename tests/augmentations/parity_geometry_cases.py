"""Parity cases of crops, flips, rotations and warps."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from parity_base import KEY, LEVEL, batched, case, images, pillow, plain, read, turned, worst
from PIL import Image
from scipy import ndimage

from jssl.augmentations import geometry, warp
from jssl.augmentations.projective import affine_warp, quadrilateral_warp

BOXES = np.array([[2, 3, 30, 41], [0, 0, 40, 56], [17, 5, 9, 20], [10, 30, 28, 13]], np.float32)


def _pillow_crop(x, box, size, method, mode):
    top, left, h, w = (int(v) for v in box)
    where = (left, top, left + w, top + h)
    if mode == "L":
        return np.asarray(Image.fromarray(x).crop(where).resize(size[::-1], method), float) / 255
    planes = [
        np.asarray(
            Image.fromarray(np.float32(x[..., c]) / 255).crop(where).resize(size[::-1], method)
        )
        for c in range(3)
    ]
    return np.clip(np.stack(planes, -1), 0, 1)


def _crop_case(name: str, mode: str) -> float:
    method = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}[name]
    deviation = 0.0
    for size in ((32, 24), (14, 60), (72, 100)):
        got = batched(
            lambda x, b, s=size: geometry.crop_and_resize(x, b, size=s, method=name), BOXES
        )
        expected = [
            _pillow_crop(x, b, size, method, mode) for x, b in zip(images(), BOXES, strict=True)
        ]
        deviation = max(deviation, worst(got, expected))
    return deviation


for _name in ("bilinear", "bicubic"):
    case(f"random_resized_crop, {_name}", "Pillow resize, 32-bit float")(
        lambda name=_name: _crop_case(name, "F")
    )
case(
    "random_resized_crop, bilinear",
    "Pillow resize, 8-bit",
    1.01 * LEVEL,
    "Pillow rounds to whole levels after each of the two axes: half a level each.",
)(lambda: _crop_case("bilinear", "L"))
case(
    "random_resized_crop, bicubic",
    "Pillow resize, 8-bit",
    0.07,
    "Between the axes Pillow cuts 8-bit overshoots to [0, 255]; this cuts once, at the end, as "
    "Pillow's float and torchvision's tensors do. Seen at hard edges and noise only.",
)(lambda: _crop_case("bicubic", "L"))


@case("resize", "Pillow resize, 32-bit float")
def _resize() -> float:
    got = batched(lambda x: geometry.resize(None, x, size=20, keep_aspect=True))
    size = (20, 28)
    box = (0, 0, 40, 56)
    return worst(
        got, [_pillow_crop(x, box, size, Image.Resampling.BILINEAR, "F") for x in images()]
    )


@case("centre_crop", "NumPy slice", 1e-7)
def _centre() -> float:
    got = batched(lambda x: geometry.centre_crop(None, x, size=(20, 30)))
    return worst(got, plain()[:, 10:30, 13:43])


@case("flip", "NumPy flip", 1e-7)
def _flip() -> float:
    got = batched(lambda x: geometry.flip(KEY, x, p=1.0))
    down = batched(lambda x: geometry.flip(KEY, x, p=1.0, axis="vertical"))
    return max(worst(got, plain()[:, :, ::-1]), worst(down, plain()[:, ::-1]))


@case("rotate90", "NumPy rot90", 1e-7)
def _quarters() -> float:
    square = jnp.asarray(images()[:, :40, :40])
    turn = jax.jit(jax.vmap(lambda x, k: warp.turn_square(x / 255.0, k)))
    got = np.asarray(turn(square, jnp.arange(4)))
    return worst(got, [np.rot90(x, k) for k, x in enumerate(plain()[:, :40, :40])])


ANGLES = np.array([-40.0, 7.5, 90.0, 163.0], np.float32)


@case("rotation", "SciPy map_coordinates", 2e-4, "Float32 positions: 1e-5 of a pixel at an edge.")
def _rotation() -> float:
    got = batched(lambda x, a: warp.apply_warp(x, affine_warp(40, 56, angle=-a)), ANGLES)
    return worst(got, [read(x, turned(-a)) for x, a in zip(plain(), ANGLES, strict=True)])


@case(
    "rotation",
    "Pillow rotate, bilinear, 8-bit",
    1.01 * LEVEL,
    "Away from the border, where Pillow does not blend with the fill value.",
)
def _rotation_pillow() -> float:
    got = batched(lambda x: warp.rotation(KEY, x, degrees=25.0))
    expected = pillow(lambda im: im.rotate(25, Image.Resampling.BILINEAR))
    far = batched(lambda x: warp.rotation(KEY, jnp.ones_like(x) * 255, degrees=25.0)) > 0.999
    far = ndimage.binary_erosion(far, np.ones((1, 5, 5, 1)))
    return worst(got * far, expected * far)


@case("affine", "scikit-image AffineTransform and warp", 2e-4, "Float32 positions.")
def _affine() -> float:
    from skimage import transform

    got = batched(
        lambda x, a: warp.apply_warp(
            x, affine_warp(40, 56, angle=a, shift=(3.0, -2.0), scale=1.2, shear=(10.0, 0.0))
        ),
        ANGLES,
    )
    expected = []
    for x, a in zip(plain(), ANGLES, strict=True):
        # Pixel centres lie at whole numbers there, and turns are clockwise too.
        move = transform.AffineTransform(translation=(-27.5, -19.5))
        shear = transform.AffineTransform(
            matrix=[[1, -np.tan(np.deg2rad(10)), 0], [0, 1, 0], [0, 0, 1]]
        )
        turn = transform.AffineTransform(scale=1.2, rotation=np.deg2rad(a))
        back = transform.AffineTransform(translation=(27.5 + 3, 19.5 - 2))
        expected.append(transform.warp(x, (move + shear + turn + back).inverse, order=1))
    return worst(got, expected)


@case("perspective", "scikit-image ProjectiveTransform and warp", 5e-4, "Float32 positions.")
def _perspective() -> float:
    from skimage import transform

    inwards = np.array([[5, 3], [-9, 4], [-2, -8], [7, -1.0]])
    frame = np.array([[0, 0], [56, 0], [56, 40], [0, 40.0]])

    def op(x):
        matrix = jnp.diag(jnp.array([56.0, 40.0, 1.0])) @ jnp.linalg.inv(
            quadrilateral_warp(jnp.asarray(frame + inwards, jnp.float32))
        )
        return warp.apply_warp(x, matrix)

    to_source = transform.ProjectiveTransform.from_estimate(frame + inwards - 0.5, frame - 0.5)
    return worst(batched(op), [transform.warp(x, to_source, order=1) for x in plain()])
