"""Dense and geometric protocols: segmentation, correspondence, factors and equivariance."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jssl.augmentations.warp import apply_warp
from jssl.core.ranges import BelowOne, Count, NonNegative
from jssl.data.silhouettes import distance
from jssl.data.source import ArraySource, SubsetSource, read_all
from jssl.errors import UserError
from jssl.evaluation import dense
from jssl.evaluation.protocols.tokens import tokens
from jssl.evaluation.record import Evaluation, Measured, Score
from jssl.evaluation.representations import PARTS, Representations
from jssl.evaluation.ridge import ridge_probe

FACTORS = ("factor/shape", "factor/x", "factor/y", "factor/scale", "factor/rotation")


class Motion(NamedTuple):
    """Rotation and translation of a batch of images.

    Attributes:
      drawn: float32 [N, 3] in [-1, 1]: rotation, horizontal shift and vertical shift, each as a
        fraction of its maximum.
      degrees: largest rotation.
      shift: largest translation, as a fraction of the image side.
    """

    drawn: np.ndarray
    degrees: float
    shift: float


def figure_masks(
    batch: dict[str, np.ndarray], rows: int, columns: int, motion: Motion | None = None
) -> np.ndarray:
    """Foreground masks of procedural shapes at token resolution, computed from their factors.

    Args:
      batch: examples of `jssl.data.Shapes`.
      rows: rows of the token grid.
      columns: columns of the token grid.
      motion: the transformation applied to the images (see `moved`), or None.

    Returns:
      int [N, rows * columns]: 1 where the centre of the cell lies inside the silhouette.

    Raises:
      UserError: the examples are not procedural shapes.
    """
    if not set(FACTORS) <= batch.keys():
        raise UserError(
            "masks of figure and ground exist for procedural shapes only: evaluate a run on "
            "jssl.data.Shapes, or add --on image/simclr_shapes"
        )
    shape, x, y, scale, rotation = (batch[name] for name in FACTORS)
    down, across = np.meshgrid(
        (np.arange(rows) + 0.5) * 2 / rows - 1,
        (np.arange(columns) + 0.5) * 2 / columns - 1,
        indexing="ij",
    )
    seen = np.ones_like(across, bool)[None]
    across, down = across.astype(np.float32)[None], down.astype(np.float32)[None]
    if motion is not None:
        turn = np.deg2rad(motion.degrees) * motion.drawn[:, 0, None, None]
        over, under = 2 * motion.shift * motion.drawn[:, 1:, None, None].swapaxes(0, 1)
        across, down = (
            np.cos(turn) * across - np.sin(turn) * down + over,
            np.sin(turn) * across + np.cos(turn) * down + under,
        )
        seen = (np.abs(across) < 1) & (np.abs(down) < 1)
    across, down = across - x[:, None, None], down - y[:, None, None]
    cos = (np.cos(rotation) / scale)[:, None, None]
    sin = (np.sin(rotation) / scale)[:, None, None]
    inside = distance(shape, cos * across + sin * down, cos * down - sin * across) < 0
    return (inside & seen).reshape(len(shape), -1).astype(np.int64)


@dataclass(frozen=True)
class Segmentation(Evaluation):
    """Foreground segmentation of procedural shapes from tokens, and correspondence under a flip.

    Attributes:
      limit: largest number of images per split.
    """

    limit: Count = dataclasses.field(default=1000, metadata={"former": "most"})

    about: ClassVar[str] = "token segmentation (linear, k-means, PCA, prompted) and correspondence"
    source: ClassVar[str] = "Oquab et al. 2024; Wu et al. 2024"

    def measure(self, subject: Representations, row: str) -> Measured | None:
        if subject.rows[row].program is None:
            return None
        parts = []
        for part in PARTS:
            source = subject.source(part)
            source = SubsetSource(source, np.arange(min(self.limit, len(source))))
            arrays, _ = subject.arrays(row, source, tokens)
            if "tokens" not in arrays:
                return None
            found, batch = arrays["tokens"], read_all(source)
            side = round(found.shape[1] ** 0.5)
            if side * side != found.shape[1]:
                raise UserError(f"{found.shape[1]} tokens do not form a square grid")
            parts.append((found, figure_masks(batch, side, side)))
        test, masks = parts[2]
        prompted = dense.prompt_segmentation(*parts[1], seed=self.seed)
        threshold = max(prompted, key=prompted.get)
        field = subject.program.experiment.preprocess.field
        flipped, _ = subject.arrays(row, _flipped(batch, field), tokens)
        match = np.arange(side * side).reshape(side, side)[:, ::-1].ravel()
        grid = (side, side)
        scores = {
            "linear mIoU": dense.linear_segmentation(*parts)["miou"],
            "k-means mIoU": dense.cluster_segmentation(test, masks, seed=self.seed),
            "PCA mIoU": dense.component_segmentation(test, masks),
            "prompted IoU": dense.prompt_segmentation(
                test, masks, thresholds=(threshold,), seed=self.seed
            )[threshold],
            "correspondence": dense.correspondence(test, flipped["tokens"], match, grid=grid),
        }
        return Measured(
            {name: Score(value) for name, value in scores.items()},
            {"threshold": threshold, "grid": list(grid), "figure": float(masks.mean())},
        )

    def notes(self) -> tuple[str, ...]:
        return (
            "Masks are sampled at token centres. The prompt's threshold is chosen on "
            "validation. Correspondence: the most similar token of the mirrored image is the "
            "mirrored token.",
        )


@dataclass(frozen=True)
class Factors(Evaluation):
    """Linear decodability (R^2) of the factors of variation from pooled features.

    Attributes:
      limit: largest number of training examples.
    """

    limit: Count = dataclasses.field(default=10000, metadata={"former": "most"})

    about: ClassVar[str] = (
        "factors of variation: R^2 of continuous ones, accuracy of categorical ones"
    )

    def measure(self, subject: Representations, row: str) -> Measured:
        features = subject.features(row)
        known = {}
        for part in PARTS:
            batch = read_all(subject.source(part))
            known[part] = {
                k: v for k, v in batch.items() if k.startswith("factor/") and v.ndim == 1
            }
        if not known["train"]:
            raise UserError(f"no factors of variation are known for {subject.splits.name}")
        scores = {}
        for name, values in known["train"].items():
            targets = [known[part][name] for part in PARTS]
            title = name.removeprefix("factor/")
            if np.issubdtype(values.dtype, np.integer):
                pairs = [(f.features, t) for f, t in zip(features, targets, strict=True)]
                found = ridge_probe(
                    (pairs[0][0][: self.limit], pairs[0][1][: self.limit]), *pairs[1:]
                )
                scores[title] = Score(found.top1)
                continue
            train = features.train.features[: self.limit], targets[0][: self.limit, None]
            value = dense.r_squared(train, (features.test.features, targets[2][:, None]))[0]
            scores[f"{title} R^2"] = Score(float(value), percent=False)
        return Measured(scores)


@dataclass(frozen=True)
class Equivariance(Evaluation):
    """Linear decodability of the transformation between two views from their features.

    Attributes:
      limit: largest number of training images, and of test images.
      degrees: largest rotation.
      shift: largest translation, as a fraction of the image side.
    """

    limit: Count = dataclasses.field(default=2000, metadata={"former": "most"})
    degrees: NonNegative = 60.0
    shift: BelowOne = 0.2

    about: ClassVar[str] = "R^2 of rotation and translation from the features of two views"
    source: ClassVar[str] = "Garrido et al. 2023, SIE"

    def measure(self, subject: Representations, row: str) -> Measured:
        field = subject.program.experiment.preprocess.field
        parts = []
        for number, part in enumerate(("train", "test")):
            source = subject.source(part)
            images = source[np.arange(min(self.limit, len(source)))][field]
            rng = np.random.default_rng([self.seed, number])
            drawn = rng.uniform(-1, 1, (len(images), 3)).astype(np.float32)
            after = np.asarray(moved(images, Motion(drawn, self.degrees, self.shift)))
            pair = [subject.images(row, x) for x in (images, after)]
            angle = np.deg2rad(self.degrees) * drawn[:, 0]
            targets = np.stack([np.sin(angle), drawn[:, 1], drawn[:, 2]], axis=1)
            parts.append((np.concatenate(pair, axis=1), targets))
        found = dense.r_squared(*parts)
        names = ("rotation", "shift across", "shift down")
        return Measured(
            {n: Score(float(v), percent=False) for n, v in zip(names, found, strict=True)}
        )

    def notes(self) -> tuple[str, ...]:
        return (
            f"R^2 of a ridge regression on both features: rotations up to {self.degrees:g} degrees "
            f"(its sine), shifts up to {self.shift:g} of the side; 0 for an invariant encoder.",
        )


@jax.jit
def moved(images: jax.Array, motion: Motion) -> jax.Array:
    """Rotates images uint8 [N, H, W, C] about their centre, then shifts them; fills with black."""
    drawn, degrees, shift = motion

    def one(image: jax.Array, drawn: jax.Array) -> jax.Array:
        height, width = image.shape[:2]
        angle = jnp.deg2rad(degrees) * drawn[0]
        cos, sin = jnp.cos(angle), jnp.sin(angle)
        x, y = width / 2, height / 2
        across, down = shift * width * drawn[1], shift * height * drawn[2]
        warp = jnp.array(
            [
                [cos, -sin, x - cos * x + sin * y + across],
                [sin, cos, y - sin * x - cos * y + down],
                [0, 0, 1],
            ]
        )
        return jnp.round(255 * apply_warp(image, warp)).astype(jnp.uint8)

    return jax.vmap(one)(images, jnp.asarray(drawn))


def _flipped(batch: dict[str, np.ndarray], field: str) -> ArraySource:
    return ArraySource({field: batch[field][:, :, ::-1]})


PROTOCOLS = {
    "segmentation": Segmentation(),
    "factors": Factors(),
    "equivariance": Equivariance(),
}
