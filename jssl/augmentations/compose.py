"""Composition of operations: pipelines for one example, named views of a batch."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jax.sharding import Mesh

from jssl.augmentations.image import as_input
from jssl.augmentations.mapping import map_draws, map_examples
from jssl.augmentations.operations import Op, Sometimes, describe, sometimes, with_warp
from jssl.core import ranges, settings
from jssl.core.ranges import Count, Ranged
from jssl.data.source import entry
from jssl.errors import UserError, nearest

__all__ = [
    "Field",
    "Pipeline",
    "Repeat",
    "Sometimes",
    "Tracked",
    "Views",
    "describe",
    "field",
    "pipeline",
    "repeat",
    "sometimes",
    "tracked",
]


@dataclass(frozen=True)
class Pipeline:
    """Operations one after another on one field of one example; see `pipeline`.

    Attributes:
      ops: operations, each f(key, x) -> x, in order.
      field: entry of the example that it starts from.
    """

    ops: tuple[Op, ...]
    field: str = "image"

    def __post_init__(self) -> None:
        if ranges.checking():
            settings.check(self.ops)

    def __call__(self, key: jax.Array | None, example: Mapping[str, jax.Array]) -> Any:
        """Runs the pipeline.

        Args:
          key: PRNG key; None will do if no operation is random.
          example: one example.

        Returns:
          The result of the last operation; what it starts from is an array, or a dict of arrays
          where the field has parts (see `jssl.data.entry`).

        Raises:
          UserError: the example has no such field.
        """
        image = self._start(example)
        for op, part in zip(self.ops, self._keys(key), strict=True):
            image = op(part, image)
        return image

    def with_warp(
        self, key: jax.Array | None, example: Mapping[str, jax.Array]
    ) -> dict[str, jax.Array]:
        """Runs the pipeline with the same random draws and also returns the warp.

        Returns:
          dict(image=what `__call__` returns, warp=float32 [3, 3], from a point of the view to the
          point of the field it shows).
        """
        image, total = self._start(example), jnp.eye(3)
        for op, part in zip(self.ops, self._keys(key), strict=True):
            image, warp = with_warp(op, part, image)
            total = jnp.matmul(total, warp, precision=jax.lax.Precision.HIGHEST)
        return {"image": image, "warp": total}

    def _start(self, example: Mapping[str, jax.Array]) -> Any:
        value = entry(example, self.field)
        if value is None:
            raise UserError(
                f"a pipeline reads the field {self.field!r} and the example has no such field; "
                f"{nearest(self.field, example)}"
            )
        return jax.tree.map(as_input, value)

    def _keys(self, key: jax.Array | None) -> list[jax.Array | None]:
        if key is None:
            return [None] * len(self.ops)
        # The k-th key of a split is the same for every length (jax_threefry_partitionable), so an
        # operation put at the end changes nothing before it.
        return list(jax.random.split(key, max(1, len(self.ops))))[: len(self.ops)]

    def __repr__(self) -> str:
        field = "" if self.field == "image" else f", field={self.field!r}"
        return f"pipeline({', '.join(describe(op) for op in self.ops)}{field})"


def pipeline(*ops: Op | None, field: str = "image") -> Pipeline:
    """Chains operations on a field of an example.

    Args:
      *ops: each op(key, image) -> image, usually a functools.partial; None and operations of
        probability 0 are left out, which lets a recipe switch one off.
      field: the example's key to read.

    Returns:
      Pipeline: f(key, example) -> float32 array.
    """
    kept = [op for op in ops if op is not None and not (isinstance(op, Sometimes) and op.p == 0)]
    return Pipeline(tuple(kept), field)


@dataclass(frozen=True)
class Repeat(Ranged):
    """Several independent draws of one entry; see `repeat`.

    Attributes:
      entry: what is drawn.
      times: number of draws.
    """

    entry: Op
    times: Count

    def __call__(self, key: jax.Array, example: Mapping[str, jax.Array]) -> Any:
        keys = jax.random.split(key, self.times)
        return map_draws(lambda k: self.entry(k, example), keys, example)

    def __repr__(self) -> str:
        return f"repeat({describe(self.entry)}, {self.times})"


def repeat(entry: Op, times: int) -> Repeat:
    """Draws an entry several times: its arrays get a leading axis [times, ...].

    Args:
      entry: f(key, example) -> array or dict of arrays.
      times: number of draws, at least 1.

    Returns:
      An entry for Views.
    """
    return Repeat(entry, times)


@dataclass(frozen=True)
class Field:
    """A field of the example as it is; see `field`.

    Attributes:
      name: of the entry.
    """

    name: str

    def __call__(self, key: jax.Array | None, example: Mapping[str, jax.Array]) -> jax.Array:
        value = entry(example, self.name)
        if value is None:
            raise UserError(
                f"the example has no field {self.name!r}; {nearest(self.name, example)}"
            )
        return value

    def __repr__(self) -> str:
        return f"field({self.name!r})"


def field(name: str) -> Field:
    """An entry for Views that returns a field of the example unchanged, such as its "index"."""
    return Field(name)


@dataclass(frozen=True)
class Tracked:
    """A pipeline that returns dict(image, warp); see `tracked`."""

    inner: Pipeline

    def __call__(self, key: jax.Array, example: Mapping[str, jax.Array]) -> dict[str, jax.Array]:
        return self.inner.with_warp(key, example)

    def __repr__(self) -> str:
        return f"tracked({self.inner!r})"


def tracked(inner: Pipeline) -> Tracked:
    """Returns a view together with its warp: the entry gives dict(image=[...], warp=[3, 3]).

    For dense and equivariant methods; the image is the same as without tracking.
    """
    return Tracked(inner)


@dataclass(frozen=True, init=False, repr=False)
class Views:
    """Named views of a batch: `Views(a=pipeline(...), b=pipeline(...), mask=sampler)`.

    An entry is f(key, example) -> array or dict of arrays, for one example. An example's key is
    made of the step's key, the view's name and the example's `index`, so its views do not depend on
    the batch size, the other examples, the devices or the other views.

    `batch` holds operations on whole batches (mixup, patch mix), each f(key, views) -> views on
    the dict of [B, ...], run last and in order. These depend on the other examples by design.

    Attributes:
      entries: (name, entry) pairs.
      batch: operations on whole batches, run last and in order.
    """

    entries: tuple[tuple[str, Op], ...]
    batch: tuple[Op, ...] = ()

    def __init__(self, *, batch: tuple[Op, ...] = (), **entries: Op) -> None:
        if not entries:
            raise UserError("Views needs at least one view, such as Views(a=pipeline(...))")
        object.__setattr__(self, "entries", tuple(entries.items()))
        object.__setattr__(self, "batch", tuple(batch))
        if ranges.checking():
            settings.check((self.entries, self.batch))

    def __call__(
        self, key: jax.Array, batch: Mapping[str, jax.Array], *, mesh: Mesh | None = None
    ) -> dict[str, Any]:
        """Makes the views.

        Args:
          key: the step's PRNG key.
          batch: arrays [B, ...]; `index` int [B] names the examples.
          mesh: the devices over which B is split, each of which then processes its own examples;
            None leaves the placement to the compiler.

        Returns:
          dict from view name to [B, ...] (or to a dict of them, where the entry gives a dict).

        Raises:
          UserError: the batch has no `index`.
        """
        if "index" not in batch:
            raise UserError("a batch carries 'index' int [B], the examples' places in the split")
        batch = dict(batch)

        def one(key: jax.Array, example: dict[str, jax.Array]) -> dict[str, Any]:
            own = jax.random.fold_in(key, example["index"])
            return {
                name: entry(jax.random.fold_in(own, _tag(name)), example)
                for name, entry in self.entries
            }

        views = map_examples(one, key, batch, mesh)
        for position, op in enumerate(self.batch):
            views = op(jax.random.fold_in(jax.random.fold_in(key, _tag("batch")), position), views)
        return views

    def count(self, example: Mapping[str, jax.ShapeDtypeStruct]) -> int:
        """The number of inputs made from one example.

        Counts views of floats, or of integers with at least one axis such as the symbols of a text,
        with their repetitions. Masks (dicts without floats, or bools), indices and entries added by
        batch operations are not counted.

        Args:
          example: shapes and dtypes of one example's arrays, `index` among them.

        Returns:
          At least 1.
        """
        batch = {
            name: jax.ShapeDtypeStruct((2, *spec.shape), spec.dtype)
            for name, spec in example.items()
        }
        made = jax.eval_shape(Views(**dict(self.entries)), jax.random.key(0), batch)
        return max(
            sum(getattr(op, "times", 1) for name, op in self.entries if _is_input(made[name])), 1
        )

    def __repr__(self) -> str:
        parts = [f"{name}={describe(entry)}" for name, entry in self.entries]
        if self.batch:
            parts.append(f"batch=({', '.join(describe(op) for op in self.batch)},)")
        return f"Views({', '.join(parts)})"


def _is_input(view: Any) -> bool:
    leaves = [leaf for leaf in jax.tree.leaves(view) if leaf.ndim > 1]
    if any(jnp.issubdtype(leaf.dtype, jnp.floating) for leaf in leaves):
        return True
    return not isinstance(view, Mapping) and any(leaf.dtype != bool for leaf in leaves)


def _tag(name: str) -> int:
    return zlib.crc32(name.encode())
