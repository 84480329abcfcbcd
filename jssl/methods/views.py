"""Declaration of the views that a method reads, checked when an experiment is built."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

import jax

from jssl.errors import UserError
from jssl.nn import module as nn

Views = Mapping[str, Any]

AUXILIARY_VIEWS = frozenset({"dropped", "index", "label", "mask", "original", "target"})
"""Views that are not network inputs: masks, targets, indices, labels."""


@dataclasses.dataclass(frozen=True)
class View:
    """One view that a method reads.

    Attributes:
      name: name of the view; None for the experiment's only input, whatever its name.
      parts: entries that a view must have if it is a mapping; () for an array or any pytree.
      optional: whether the method also runs without the view.
    """

    name: str | None
    parts: tuple[str, ...] = ()
    optional: bool = False


@dataclasses.dataclass(frozen=True)
class Spec:
    """The views that a method reads; specs can be added, as in `Spec.single() + Spec.mask("keep")`.

    Attributes:
      views: one `View` for each view.
    """

    views: tuple[View, ...] = ()

    def __add__(self, other: Spec) -> Spec:
        """The views of both specs."""
        return Spec(self.views + other.views)

    @classmethod
    def named(cls, *names: str, parts: tuple[str, ...] = (), optional: bool = False) -> Spec:
        """Views with these names; see `View`."""
        return cls(tuple(View(name, parts, optional) for name in names))

    @classmethod
    def pair(cls) -> Spec:
        """Two views `a` and `b` of each example, both [B, ...]."""
        return cls.named("a", "b")

    @classmethod
    def single(cls, *parts: str) -> Spec:
        """One input of any name: an array [B, ...], or a mapping with these entries."""
        return cls((View(None, parts),))

    @classmethod
    def mask(cls, *parts: str) -> Spec:
        """A view `mask` with these entries.

        `mask` bool [B, N] is True where a token is hidden, `keep` int [B, K] and `masked` int [B,
        M] are the positions of visible and masked tokens.
        """
        return cls.named("mask", parts=parts or ("mask",))

    @classmethod
    def multicrop(cls) -> Spec:
        """`a` and `b` [B, ...] and, if the experiment has it, `local` [B, V, ...]."""
        return cls.pair() + cls.named("local", optional=True)

    @classmethod
    def index(cls) -> Spec:
        """`index` int [B], the positions of the examples in the training split."""
        return cls.named("index")

    @classmethod
    def labelled(cls) -> Spec:
        """`label` int [B]."""
        return cls.named("label")

    def check(self, method: str, made: Views, encoder: nn.Module | None = None) -> None:
        """Checks that an experiment's views satisfy the spec.

        Args:
          method: name of the method, for messages.
          made: views by name, arrays or pytrees of arrays, or their shapes, with leading axis B.
          encoder: module whose number of tokens a mask must match; None skips that check.

        Raises:
          UserError: if a view or an entry is missing, if there are several inputs where the method
            reads one, or if the mask's number of tokens differs from the encoder's.
        """
        wanted = [view for view in self.views if not view.optional]
        missing = [view.name for view in wanted if view.name and view.name not in made]
        if missing:
            reads = _list(view.name or "one input" for view in wanted)
            raise UserError(
                f"{method} reads {reads}, and the views of the experiment are {_list(made)}: there "
                f"is no {_list(missing, 'or')}. Choose views that have it, or another method"
            )
        for view in self.views:
            if view.name is None:
                found = the_input(made)
                if view.parts:
                    _check_parts(method, view, found)
            elif view.parts and view.name in made:
                _check_parts(method, view, made[view.name])
        if encoder is not None and any("mask" in view.parts for view in self.views):
            _check_tokens(method, made, encoder)


def _check_parts(method: str, view: View, found: Any) -> None:
    has = tuple(found) if isinstance(found, Mapping) else ()
    lacking = [part for part in view.parts if part not in has]
    if not lacking:
        return
    name = "its input" if view.name is None else f"the view {view.name!r}"
    what = f"has {_list(has)}" if has else "is an array without entries"
    raise UserError(
        f"{method} reads {_list(view.parts)} of {name}, which {what}: there is no "
        f"{_list(lacking, 'or')}. Use an augmentation that makes it"
    )


def _check_tokens(method: str, made: Views, encoder: nn.Module) -> None:
    mask = made.get("mask")
    mask = mask.get("mask") if isinstance(mask, Mapping) else None
    inputs = [view for name, view in made.items() if name not in AUXILIARY_VIEWS]
    if mask is None or not inputs or not hasattr(encoder, "patches"):
        return
    try:
        tokens = jax.eval_shape(encoder.patches, inputs[0]).shape[-2]
    except (
        TypeError,
        ValueError,
        AttributeError,
        UserError,
    ):  # an encoder that needs further arguments
        return
    if mask.shape[-1] != tokens:
        grid = _grid(inputs[0].shape[1:], tokens)
        raise UserError(
            f"the mask of the experiment's views is made for {mask.shape[-1]} tokens, and the "
            f"encoder of {method} cuts its input into {tokens}{grid}: give the mask that grid"
        )


def _grid(shape: Sequence[int], tokens: int) -> str:
    """In words, how tokens lie in one input: rows x columns, "" where that is not known."""
    if len(shape) == 2 and tokens % shape[1] == 0:  # a series: a row for each channel
        return f" ({shape[1]} x {tokens // shape[1]})"
    side = math.isqrt(tokens)
    return f" ({side} x {side})" if len(shape) == 3 and side * side == tokens else ""


def inputs_of(views: Views) -> list[Any]:
    """The views that are inputs of the net: all except those in `AUXILIARY_VIEWS`."""
    found = [view for name, view in views.items() if name not in AUXILIARY_VIEWS]
    return found or list(views.values())


def the_input(views: Views) -> Any:
    """The input of a method with a single input, whatever its name.

    Raises:
      UserError: if there are several inputs.
    """
    found = inputs_of(views)
    if len(found) > 1:
        raise UserError(
            f"this method takes one input and the views have several: {', '.join(views)}; beside "
            f"it there may be {', '.join(sorted(AUXILIARY_VIEWS))}"
        )
    return found[0]


def made_by(views: Any, example: Mapping[str, jax.ShapeDtypeStruct]) -> Views:
    """Shapes of an experiment's views of a batch of two, without computing them.

    Args:
      views: function that maps (key, batch) to a dict of views by name.
      example: shapes and dtypes of one example's arrays, including "index".
    """
    batch = {k: jax.ShapeDtypeStruct((2, *x.shape), x.dtype) for k, x in example.items()}
    return jax.eval_shape(views, jax.eval_shape(lambda: jax.random.key(0)), batch)


def _list(names: Any, last: str = "and") -> str:
    names = [str(name) if " " in str(name) else repr(str(name)) for name in names]
    if len(names) < 2:
        return "".join(names) or "none"
    return f"{', '.join(names[:-1])} {last} {names[-1]}"
