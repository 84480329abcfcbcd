"""Which views a method reads, declared once and compared with the experiment's before it runs."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

import flax.linen as nn
import jax

from jssl.errors import UserError

Views = Mapping[str, Any]

AUXILIARY_VIEWS = frozenset({"dropped", "index", "label", "mask", "original", "target"})
"""Views that are not network inputs: masks, targets, indices, labels."""


@dataclasses.dataclass(frozen=True)
class View:
    """One view that a method reads.

    Attributes:
      name: of the view; None for the one input of the experiment, whatever it is called.
      parts: entries that it must have where it is a mapping; () for an array, or any tree.
      optional: whether the method does without it.
    """

    name: str | None
    parts: tuple[str, ...] = ()
    optional: bool = False


@dataclasses.dataclass(frozen=True)
class Spec:
    """The views that a method reads; specs add up, as in `Spec.single() + Spec.mask("keep")`.

    Attributes:
      views: one entry for each.
    """

    views: tuple[View, ...] = ()

    def __add__(self, other: Spec) -> Spec:
        """Both."""
        return Spec(self.views + other.views)

    @classmethod
    def named(cls, *names: str, parts: tuple[str, ...] = (), optional: bool = False) -> Spec:
        """Views of these names; see `View`."""
        return cls(tuple(View(name, parts, optional) for name in names))

    @classmethod
    def pair(cls) -> Spec:
        """Two views `a` and `b` of each example, both [B, ...]."""
        return cls.named("a", "b")

    @classmethod
    def single(cls, *parts: str) -> Spec:
        """One input [B, ...] of any name, or a mapping with these entries."""
        return cls((View(None, parts),))

    @classmethod
    def mask(cls, *parts: str) -> Spec:
        """A view `mask` with these entries.

        `mask` bool [B, N] is True where a token is hidden, `keep` int [B, K] and `masked` int
        [B, M] are the places of visible and hidden tokens.
        """
        return cls.named("mask", parts=parts or ("mask",))

    @classmethod
    def multicrop(cls) -> Spec:
        """`a` and `b` [B, ...] and, if the experiment has it, `local` [B, V, ...]."""
        return cls.pair() + cls.named("local", optional=True)

    @classmethod
    def index(cls) -> Spec:
        """`index` int [B], the places of the examples in the training split."""
        return cls.named("index")

    @classmethod
    def labelled(cls) -> Spec:
        """`label` int [B]."""
        return cls.named("label")

    def check(self, method: str, made: Views, encoder: nn.Module | None = None) -> None:
        """Compares with the views that an experiment makes.

        Args:
          method: name of the method, for messages.
          made: name -> array or tree of arrays, or their shapes, with leading axis B.
          encoder: whose tokens a mask must match; None leaves that out.

        Raises:
          UserError: for a view or an entry that is missing, for several inputs where one is read,
            and for a mask of another number of tokens than the encoder has.
        """
        wanted = [view for view in self.views if not view.optional]
        missing = [view.name for view in wanted if view.name and view.name not in made]
        if missing:
            reads = _list(view.name or "one input" for view in wanted)
            raise UserError(
                f"{method} reads {reads}, and the views of the experiment are {_list(made)}: there "
                f"is no {_list(missing)}. Choose views that have it, or a method that reads those"
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
        f"{_list(lacking)}. Use an augmentation that makes it"
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
    ):  # an encoder that needs more than its input
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
    """The views that a net is run on: all but those named in `AUXILIARY_VIEWS`."""
    found = [view for name, view in views.items() if name not in AUXILIARY_VIEWS]
    return found or list(views.values())


def the_input(views: Views) -> Any:
    """The one view that a method with a single input runs its net on, whatever it is called.

    Raises:
      UserError: if there are several.
    """
    found = inputs_of(views)
    if len(found) > 1:
        raise UserError(
            f"this method takes one input and the views have several: {', '.join(views)}; beside "
            f"it there may be {', '.join(sorted(AUXILIARY_VIEWS))}"
        )
    return found[0]


def made_by(views: Any, example: Mapping[str, jax.ShapeDtypeStruct]) -> Views:
    """Shapes of what an experiment's views make of a batch of two; nothing is computed.

    Args:
      views: (key, batch) -> name -> view.
      example: shapes and dtypes of one example's arrays, "index" among them.
    """
    batch = {k: jax.ShapeDtypeStruct((2, *x.shape), x.dtype) for k, x in example.items()}
    return jax.eval_shape(views, jax.eval_shape(lambda: jax.random.key(0)), batch)


def _list(names: Any) -> str:
    names = [str(name) if " " in str(name) else repr(str(name)) for name in names]
    if len(names) < 2:
        return "".join(names) or "none"
    return f"{', '.join(names[:-1])} and {names[-1]}"
