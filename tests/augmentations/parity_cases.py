"""Every operation beside its reference: what `docs/augmentations.md` tabulates and the tests check.

A case computes the largest absolute deviation over a few images, values in [0, 1]. References are
Pillow, scikit-image and SciPy where they define the same thing, float64 NumPy where they do not.
"""

from __future__ import annotations

import colorsys
import itertools
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial

import jax
import jax.numpy as jnp
import numpy as np
from PIL import Image, ImageEnhance, ImageFilter, ImageOps
from scipy import ndimage

from jssl.augmentations import blur, colour, erase, fields, geometry, policy, tone, warp
from jssl.augmentations.projective import affine_warp, quadrilateral_warp

LEVEL = 1 / 255
EXACT = 2e-5
KEY = jax.random.key(0)
CASES: list[Case] = []


@dataclass(frozen=True)
class Case:
    operation: str
    reference: str
    tolerance: float
    note: str
    run: Callable[[], float]


def case(operation: str, reference: str, tolerance: float = EXACT, note: str = ""):
    def add(run):
        CASES.append(Case(operation, reference, tolerance, note, run))
        return run

    return add


@cache
def images() -> np.ndarray:
    """Four 8-bit images [4, 40, 56, 3]: noise, a gradient, blobs, flat areas with edges."""
    rng = np.random.default_rng(0)
    noise = rng.random((40, 56, 3))
    y, x = np.mgrid[:40, :56] / 56
    ramp = np.stack([x, y, 1 - x], -1)
    blobs = ndimage.gaussian_filter(rng.random((40, 56, 3)), (3, 3, 0))
    blobs = (blobs - blobs.min()) / np.ptp(blobs)
    edges = np.kron(rng.random((5, 7, 3)), np.ones((8, 8, 1)))
    result = np.round(np.stack([noise, ramp, blobs, edges]) * 255).astype(np.uint8)
    result.flags.writeable = False
    return result


def batched(op, *arguments):
    """jit(vmap(op)) over images (uint8) and arguments with a leading axis of 4."""
    return np.asarray(jax.jit(jax.vmap(op))(jnp.asarray(images()), *arguments))


def worst(got, expected) -> float:
    return max(float(np.abs(g - e).max()) for g, e in zip(got, expected, strict=True))


def pillow(op) -> list[np.ndarray]:
    return [np.asarray(op(Image.fromarray(x)), np.float64) / 255 for x in images()]


def plain() -> np.ndarray:
    return images().astype(np.float64) / 255


def grey(x: np.ndarray) -> np.ndarray:
    return x @ np.array([0.299, 0.587, 0.114])


# --- geometry -------------------------------------------------------------------------------------
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


def read(x: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """float64: the image at matrix @ (x, y, 1) by SciPy's spline of order 1."""
    h, w = x.shape[:2]
    v, u = np.mgrid[:h, :w] + 0.5
    p = np.tensordot(np.asarray(matrix, np.float64), np.stack([u, v, np.ones_like(u)]), 1)
    at = [p[1] / p[2] - 0.5, p[0] / p[2] - 0.5]
    return interpolate(x, at)


def interpolate(x: np.ndarray, at: list[np.ndarray]) -> np.ndarray:
    """float64: all channels at (rows, columns), blended with zero outside."""
    read_one = partial(ndimage.map_coordinates, order=1, mode="grid-constant")
    return np.stack([read_one(x[..., c], at) for c in range(x.shape[-1])], -1)


def turned(degrees: float) -> np.ndarray:
    """float64: output to input of a clockwise turn about the centre of 40 x 56."""
    a = np.deg2rad(degrees)
    move = np.array([[1, 0, 28], [0, 1, 20], [0, 0, 1.0]])
    turn = np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]])
    return np.linalg.inv(move @ turn @ np.linalg.inv(move))


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


# --- colour ---------------------------------------------------------------------------------------
def hue(pixel: np.ndarray, turns: float) -> tuple[float, float, float]:
    h, s, v = colorsys.rgb_to_hsv(*pixel)
    return colorsys.hsv_to_rgb((h + turns) % 1, s, v)


def enhance(x: np.ndarray, kind: int, factor: float) -> np.ndarray:
    """float64: brightness, contrast, saturation, hue by their definitions."""
    if kind == 3:
        return np.asarray([hue(p, factor) for p in x.reshape(-1, 3)]).reshape(x.shape)
    other = (0.0, grey(x).mean(), grey(x)[..., None])[kind]
    return np.clip(factor * x + (1 - factor) * other, 0, 1)


def _jitter(x, factors, times):
    return colour.jitter(
        x.astype(jnp.float32) / 255,
        brightness=factors[0],
        contrast=factors[1],
        saturation=factors[2],
        hue=factors[3],
        times=times,
    )


@case("colour_jitter, all 24 orders", "float64 NumPy, hue by colorsys")
def _orders() -> float:
    rng = np.random.default_rng(1)
    orders = np.array(list(itertools.permutations(range(4))))
    factors = np.concatenate([rng.uniform(0.2, 1.8, (24, 3)), rng.uniform(-0.5, 0.5, (24, 1))], 1)
    some = images()[:, ::3, ::4]
    run = jax.jit(jax.vmap(_jitter))
    got = run(jnp.asarray(some[np.arange(24) % 4]), jnp.float32(factors), jnp.argsort(orders))
    deviation = 0.0
    for i, order in enumerate(orders):
        x = some[i % 4] / 255.0
        for kind in order:
            x = enhance(x, kind, np.float32(factors[i, kind]))
        deviation = max(deviation, float(np.abs(np.asarray(got[i]) - x).max()))
    return deviation


def _alone(kind: int, factor: float) -> np.ndarray:
    names = ("brightness", "contrast", "saturation", "hue")
    strength = {names[kind]: jnp.float32(factor)}
    return batched(lambda x: colour.jitter(x / 255.0, times=jnp.arange(4.0), **strength))


for _kind, _tool, _title in (
    (0, ImageEnhance.Brightness, "brightness"),
    (1, ImageEnhance.Contrast, "contrast"),
    (2, ImageEnhance.Color, "saturation"),
):
    case(
        f"colour_jitter, {_title}",
        f"Pillow ImageEnhance.{_tool.__name__}, 8-bit",
        1.5 * LEVEL if _kind == 1 else 1.3 * LEVEL,
        "Pillow works on whole levels: it rounds the degenerate image as well as the blend, and a "
        "factor of 1.6 or -0.6 carries the first half level on.",
    )(
        lambda kind=_kind, tool=_tool: max(
            worst(_alone(kind, f), pillow(lambda im, f=f: tool(im).enhance(f))) for f in (0.4, 1.6)
        )
    )


@case("colour_jitter, hue", "scikit-image rgb2hsv, hsv2rgb")
def _hue() -> float:
    from skimage.color import hsv2rgb, rgb2hsv

    expected = []
    for x in plain():
        hsv = rgb2hsv(x)
        hsv[..., 0] = (hsv[..., 0] + 0.17) % 1
        expected.append(hsv2rgb(hsv))
    return worst(_alone(3, 0.17), expected)


@case("grayscale", "Pillow convert L, 8-bit", 0.51 * LEVEL, "Pillow rounds to whole levels.")
def _grey() -> float:
    got = batched(lambda x: colour.grayscale(None, x))
    return worst(got, pillow(lambda im: im.convert("L").convert("RGB")))


@case("solarize", "Pillow ImageOps.solarize(128)", 1e-6)
def _solarize() -> float:
    got = batched(lambda x: colour.solarize(None, x))
    return worst(got, pillow(lambda im: ImageOps.solarize(im, 128)))


@case("normalise", "float64 NumPy")
def _normalise() -> float:
    got = batched(lambda x: colour.normalise(None, x))
    return worst(got, (plain() - colour.IMAGENET[0]) / colour.IMAGENET[1])


# --- blur -----------------------------------------------------------------------------------------
def _blurred(direct: bool) -> float:
    deviation = 0.0
    for radius, sigma in ((1, 0.1), (4, 1.3), (11, 2.0)):

        def op(x, radius=radius, sigma=sigma):
            x = x / 255.0
            if direct:
                return blur.blur_taps(x, blur.gaussian_taps(radius, sigma))
            rows, columns = (blur.blur_matrix(n, radius, sigma) for n in x.shape[:2])
            return blur.apply_matrices(rows, columns, x)

        expected = [
            ndimage.gaussian_filter(x, sigma, mode="mirror", radius=radius, axes=(0, 1))
            for x in plain()
        ]
        deviation = max(deviation, worst(batched(op), expected))
    return deviation


case("gaussian_blur", "SciPy gaussian_filter, mirror")(lambda: _blurred(True))
case("gaussian_blur, wide kernels", "SciPy gaussian_filter, mirror")(lambda: _blurred(False))


@case(
    "gaussian_blur, sigma 2",
    "Pillow GaussianBlur(2), 8-bit",
    0.03,
    "Another definition: Pillow runs three box filters; this is the Gaussian of the papers. Away "
    "from the border, where Pillow repeats the edge and this reflects (0.11 on noise there).",
)
def _blur_pillow() -> float:
    got = batched(lambda x: blur.gaussian_blur(KEY, x, kernel=23, sigma=2.0))
    expected = pillow(lambda im: im.filter(ImageFilter.GaussianBlur(2)))
    return worst(got[:, 6:-6, 6:-6], [x[6:-6, 6:-6] for x in expected])


# --- tone -----------------------------------------------------------------------------------------
case("invert", "Pillow ImageOps.invert", 1e-6)(
    lambda: worst(batched(lambda x: tone.invert(None, x)), pillow(ImageOps.invert))
)
case("posterize", "Pillow ImageOps.posterize", 1e-6)(
    lambda: max(
        worst(
            batched(lambda x, b=bits: tone.posterize(None, x, bits=b)),
            pillow(lambda im, b=bits: ImageOps.posterize(im, b)),
        )
        for bits in (1, 4, 8)
    )
)
case("equalize", "Pillow ImageOps.equalize", 1e-6)(
    lambda: worst(batched(lambda x: tone.equalize(None, x)), pillow(ImageOps.equalize))
)
case("autocontrast", "Pillow ImageOps.autocontrast", LEVEL, "Pillow truncates to whole levels.")(
    lambda: worst(batched(lambda x: tone.autocontrast(None, x)), pillow(ImageOps.autocontrast))
)
case(
    "sharpness",
    "Pillow ImageEnhance.Sharpness, 8-bit",
    1.5 * LEVEL,
    "Pillow rounds the smoothed image to whole levels, then the blend.",
)(
    lambda: max(
        worst(
            batched(lambda x, f=f: tone.sharpness(KEY, x, factor=f)),
            pillow(lambda im, f=f: ImageEnhance.Sharpness(im).enhance(f)),
        )
        for f in (0.0, 0.5, 1.8)
    )
)


# --- erasing, policies, fields -------------------------------------------------------------------
def _holes(op, box) -> float:
    got = batched(lambda x: op(KEY, x))
    expected = plain().copy()
    top, left, h, w = (int(v) for v in box)
    expected[:, max(top, 0) : top + h, max(left, 0) : left + w] = 0.5
    return worst(got, expected)


@case("random_erasing", "NumPy assignment", 1e-6)
def _erasing() -> float:
    box = erase.erase_box(jax.random.split(KEY)[0], 40, 56)
    return _holes(lambda k, x: erase.random_erasing(k, x, value=0.5), box)


@case("cutout", "NumPy assignment", 1e-6)
def _cutout() -> float:
    row, column = jax.random.randint(KEY, (2,), 0, jnp.asarray([40, 56]))
    return _holes(
        lambda k, x: erase.cutout(k, x, size=14, value=0.5), (row - 7, column - 7, 14, 14)
    )


def _policy_reference(x: np.ndarray, name: str, s: float) -> np.ndarray:
    im = Image.fromarray(np.round(x * 255).astype(np.uint8))
    as_array = {
        "autocontrast": lambda: ImageOps.autocontrast(im),
        "equalize": lambda: ImageOps.equalize(im),
        "posterize": lambda: ImageOps.posterize(im, 8 - round(abs(s) * 4)),
        "sharpness": lambda: ImageEnhance.Sharpness(im).enhance(1 + 0.9 * s),
    }
    if name in as_array:
        return np.asarray(as_array[name]()) / 255
    if name in ("brightness", "contrast", "saturation"):
        kind = ("brightness", "contrast", "saturation").index(name)
        return enhance(x, kind, 1 + 0.9 * s)
    if name == "solarize":
        return np.where(x >= 1 - abs(s), 1 - x, x)
    matrix = {
        "identity": np.eye(3),
        "shear_x": np.array([[1, 0.3 * s, 0], [0, 1, 0], [0, 0, 1]]),
        "shear_y": np.array([[1, 0, 0], [0.3 * s, 1, 0], [0, 0, 1]]),
        "translate_x": np.array([[1, 0, -np.trunc(s * 25)], [0, 1, 0], [0, 0, 1]]),
        "translate_y": np.array([[1, 0, 0], [0, 1, -np.trunc(s * 18)], [0, 0, 1]]),
        "rotate": turned(-30 * s),
    }[name]
    return read(x, matrix)


@case(
    "rand_augment, trivial_augment: each of 14 operations",
    "Pillow and SciPy, operation by operation",
    1.5 * LEVEL,
    "The largest are sharpness and autocontrast, which Pillow rounds to whole levels. Warps are "
    "bilinear here; torchvision's default is the nearest pixel.",
)
def _policy() -> float:
    settings = dict(shear=0.3, shift=(25.0, 18.0), degrees=30.0, enhance=0.9, bits=4)
    run = jax.jit(
        jax.vmap(
            jax.vmap(
                lambda x, k, s: policy.transform(x / 255.0, k, s, **settings), (0, None, None)
            ),
            (None, 0, 0),
        )
    )
    which = np.repeat(np.arange(14), 2)
    strength = np.tile([0.55, -0.35], 14).astype(np.float32)
    got = np.asarray(run(jnp.asarray(images()[1:]), which, strength))
    return max(
        worst(got[i], [_policy_reference(x, policy.OPERATIONS[k], s) for x in plain()[1:]])
        for i, (k, s) in enumerate(zip(which, strength, strict=True))
    )


@case("random_field_affine", "SciPy map_coordinates at its own map", 1e-4, "Float32 positions.")
def _field_affine() -> float:
    got, points = jax.jit(jax.vmap(lambda x: fields.random_field_affine(KEY, x, with_map=True)))(
        jnp.asarray(images())
    )
    expected = []
    for x, p in zip(plain(), np.asarray(points, np.float64), strict=True):
        at = [p[..., 1] - 0.5, p[..., 0] - 0.5]
        expected.append(interpolate(x, at))
    return worst(np.asarray(got), expected)


@case("random_field_colour", "float64 NumPy with the same fields, hue by colorsys")
def _field_colour() -> float:
    some = images()[:, ::2, ::2]
    got = jax.jit(jax.vmap(lambda x: fields.random_field_colour(KEY, x)))(jnp.asarray(some))
    maps = [
        np.asarray(fields.gaussian_field(k, 20, 28, length=0.15), np.float64)
        for k in jax.random.split(KEY, 4)
    ]
    factor = [np.maximum(0, 1 + 0.2 * m)[..., None] for m in maps[:3]]
    expected = []
    for x in some / 255.0:
        x = np.clip(x * factor[0], 0, 1)
        x = np.clip(x * factor[1] + (1 - factor[1]) * grey(x).mean(), 0, 1)
        x = np.clip(x * factor[2] + (1 - factor[2]) * grey(x)[..., None], 0, 1)
        turns = 0.05 * maps[3].reshape(-1)
        hsv = [colorsys.rgb_to_hsv(*p) for p in x.reshape(-1, 3)]
        flat = [
            colorsys.hsv_to_rgb((h + t) % 1, s, v) for (h, s, v), t in zip(hsv, turns, strict=True)
        ]
        expected.append(np.asarray(flat).reshape(x.shape))
    return worst(np.asarray(got), expected)
