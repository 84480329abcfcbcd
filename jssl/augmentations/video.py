"""Augmentations of one clip: f(key, clip, ...) -> clip, float [T, H, W, C] in [0, 1]."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp

from jssl.augmentations.colour import colour_jitter, normalise, solarize
from jssl.augmentations.compose import Pipeline, Views, pipeline, sometimes
from jssl.augmentations.geometry import random_resized_crop
from jssl.augmentations.labelled import After, after
from jssl.augmentations.motion import motion_statistics
from jssl.augmentations.operations import Op, describe
from jssl.core.ranges import Count, Several, Widths
from jssl.errors import UserError

FIELD = "video"
STATISTICS = ((0.5,), (0.25,))


@dataclass(frozen=True)
class EachFrame:
    """An operation of images on every frame of a clip; see `each_frame`."""

    op: Op

    def __call__(self, key: jax.Array | None, clip: jax.Array) -> jax.Array:
        return jax.vmap(lambda frame: self.op(key, frame))(clip)

    def __repr__(self) -> str:
        return f"each_frame({describe(self.op)})"


def each_frame(op: Op) -> EachFrame:
    """An operation of images as one of clips: every frame gets the same draw, so nothing flickers.

    If a class is a direction, mirroring a clip changes its class; such recipes must not flip.

    Args:
      op: f(key, image) -> image, such as a random crop, `sometimes` included.

    Returns:
      f(key, clip [T, H, W, C]) -> [T, ...].
    """
    return EachFrame(op)


def temporal_crop(
    key: jax.Array, clip: jax.Array, *, length: Count, strides: Widths = (1,)
) -> jax.Array:
    """A random stretch of a clip, all frames of it or every second, third ...

    Args:
      key: PRNG key.
      clip: [T, ...].
      length: frames of the result.
      strides: steps from frame to frame, one of which is drawn; a step of 2 doubles the speed.

    Returns:
      [length, ...].

    Raises:
      UserError: the clip is too short for the longest step.
    """
    longest = (length - 1) * max(strides) + 1
    if longest > len(clip) or min(strides) < 1 or length < 1:
        raise UserError(
            f"{length} frames at steps of up to {max(strides)} need a clip of {longest} frames, "
            f"and this one has {len(clip)}"
        )
    which, place = jax.random.uniform(key, (2,))
    step = jnp.asarray(strides)[jnp.floor(which * len(strides)).astype(jnp.int32)]
    starts = len(clip) - (length - 1) * step
    start = jnp.minimum(jnp.floor(place * starts).astype(jnp.int32), starts - 1)
    return clip[start + step * jnp.arange(length)]


def middle(
    key: jax.Array | None, clip: jax.Array, *, length: Count, stride: Count = 1
) -> jax.Array:
    """The frames in the middle of a clip: [T, ...] -> [length, ...].

    Args:
      key: not used.
      clip: [T, ...].
      length: frames kept.
      stride: distance between them, in frames of the clip.

    Raises:
      UserError: the clip is too short.
    """
    del key
    spare = len(clip) - (length - 1) * stride - 1
    if spare < 0:
        raise UserError(f"{length} frames at steps of {stride} do not fit a clip of {len(clip)}")
    return clip[spare // 2 :: stride][:length]


def odd_one_out(
    key: jax.Array,
    clip: jax.Array,
    *,
    parts: Several = 6,
    length: Count = 8,
    order: str = "shuffled",
) -> dict[str, jax.Array]:
    """Stretches of a clip, one of which has its frames in a wrong order (Fernando et al., 2017).

    Args:
      key: PRNG key.
      clip: [T, ...].
      parts: number of stretches S; each begins at a random frame, so they may overlap.
      length: frames of each, at least 2.
      order: of the odd one, "shuffled" (never the right order) or "reversed".

    Returns:
      dict(parts [S, length, ...], label int32, which of them is odd).

    Raises:
      UserError: the clip is too short, or an unknown order.
    """
    if order not in ("shuffled", "reversed"):
        raise UserError(f"the odd part is 'shuffled' or 'reversed', not {order!r}")
    if not 2 <= length <= len(clip) or parts < 2:
        raise UserError(
            f"{parts} parts of {length} frames: there are at least 2 of at least 2 frames, and the "
            f"clip has {len(clip)}"
        )
    starting, choosing, shuffling = jax.random.split(key, 3)
    start = jax.random.randint(starting, (parts,), 0, len(clip) - length + 1)
    label = jax.random.randint(choosing, (), 0, parts)
    right = jnp.arange(length)
    if order == "reversed":
        wrong = right[::-1]
    else:
        wrong = jax.random.permutation(shuffling, length)
        wrong = jnp.where(jnp.all(wrong == right), jnp.roll(right, 1), wrong)
    odd = (jnp.arange(parts) == label)[:, None]
    places = start[:, None] + jnp.where(odd, wrong, right)
    return {"parts": clip[places], "label": label}


def clip_view(
    length: int,
    size: int,
    *,
    scale: tuple[float, float] = (0.5, 1.0),
    strides: Sequence[int] = (1,),
    invert: float = 0.5,
) -> Pipeline:
    """One view of a clip: a stretch of it, a crop and a brightness, the same in all its frames.

    This project's own recipe; there is no flip (see `each_frame`).

    Args:
      length: frames.
      size: output side, pixels.
      scale: range of the crop's share of the area.
      strides: see `temporal_crop`.
      invert: probability that brightness is inverted.

    Returns:
      Pipeline, example -> float32 [length, size, size, C].
    """
    return pipeline(
        partial(temporal_crop, length=length, strides=tuple(strides)),
        each_frame(partial(random_resized_crop, size=size, scale=scale)),
        each_frame(partial(colour_jitter, brightness=0.4, contrast=0.4)),
        *_finish(invert),
        field=FIELD,
    )


def clip_views(length: int, size: int, **options: object) -> Views:
    """Two views `a` and `b`, drawn alike; see `clip_view`."""
    one = clip_view(length, size, **options)
    return Views(a=one, b=one)


def clip_alone(length: int, *, invert: float = 0.5) -> Pipeline:
    """One view for methods that learn from a clip alone: a stretch of it, perhaps inverted."""
    return pipeline(partial(temporal_crop, length=length), *_finish(invert), field=FIELD)


def odd_view(parts: int, length: int, *, order: str = "shuffled", invert: float = 0.5) -> After:
    """Stretches of a clip one of which is odd, all of them perhaps inverted; see `odd_one_out`."""
    before = pipeline(*_finish(invert), field=FIELD)
    return after(before, partial(odd_one_out, parts=parts, length=length, order=order))


def motion_view(length: int, *, invert: float = 0.5) -> After:
    """A stretch of a clip, perhaps inverted, and its `motion_labels`."""
    return after(clip_alone(length, invert=invert), motion_statistics)


def clip_evaluation(length: int) -> Pipeline:
    """The evaluation input: the frames in the middle."""
    return pipeline(partial(middle, length=length), *_finish(0.0), field=FIELD)


def _finish(invert: float) -> tuple[Op, Op]:
    return (
        sometimes(each_frame(partial(solarize, threshold=0.0)), invert),
        each_frame(partial(normalise, mean=STATISTICS[0], std=STATISTICS[1])),
    )
