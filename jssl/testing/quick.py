"""Faster checks: little compiler optimisation, and views with few operations."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator
from typing import Any

import jax

from jssl.augmentations.blur import gaussian_blur
from jssl.augmentations.colour import colour_jitter
from jssl.augmentations.compose import Pipeline, Repeat, Tracked, Views
from jssl.augmentations.labelled import After
from jssl.augmentations.operations import Sometimes

_OPTION = "jax_disable_most_optimizations"


@contextlib.contextmanager
def quick_compilation() -> Iterator[None]:
    """Lets XLA compile about twice as fast, to slower programs that round differently."""
    before = jax.config.values[_OPTION]
    jax.config.update(_OPTION, True)
    try:
        yield
    finally:
        jax.config.update(_OPTION, before)


def plain(entry: Any) -> Any:
    """Removes operations from views that change no shape and take long to compile.

    Operations under `sometimes` and blurs are removed, and colour jitter is reduced to brightness
    and contrast; crops, masks, normalisation and batch operations are kept. Unknown objects are
    returned unchanged.

    Args:
      entry: a `Views`, or one of its entries.

    Returns:
      The same kind of object.
    """
    match entry:
        case Views():
            return Views(batch=entry.batch, **{name: plain(e) for name, e in entry.entries})
        case Pipeline():
            kept = (_plain_op(op) for op in entry.ops)
            return Pipeline(tuple(op for op in kept if op is not None), entry.field)
        case Repeat():
            return Repeat(plain(entry.entry), entry.times)
        case Tracked():
            return Tracked(plain(entry.inner))
        case After():
            return After(plain(entry.first), entry.operation)
        case _:
            return entry


def _plain_op(op: Any) -> Any:
    function = op.func if isinstance(op, functools.partial) else op
    if isinstance(op, Sometimes) or function is gaussian_blur:
        return None
    if function is colour_jitter:
        return functools.partial(colour_jitter, brightness=0.4, contrast=0.4)
    return op
