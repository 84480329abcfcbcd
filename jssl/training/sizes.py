"""Checks from shapes, without compiling, that training views and evaluation fit the encoder."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import jax

from jssl.errors import UserError
from jssl.methods.base import inputs_of
from jssl.nn.module import ParamShapeError

_SHAPES = (ParamShapeError, TypeError, ValueError, UserError)


def initialised(
    experiment: Any, batch: Mapping[str, Any], init: Callable[[Any], Any], root: Any
) -> Any:
    """Shapes of the state before the first step.

    Args:
      experiment: whose views are used for initialisation.
      batch: name -> `jax.ShapeDtypeStruct` [B, ...].
      init: returns the state for a key; only traced.
      root: shape and dtype of the key.

    Returns:
      What `init` returns, as shapes.

    Raises:
      UserError: the encoder accepts one size, and the views have several.
    """
    try:
        return jax.eval_shape(init, root)
    except _SHAPES as error:
        views = _views(experiment, batch)
        if isinstance(error, UserError) or len({str(_shape(v)) for v in views.values()}) < 2:
            raise
        raise UserError(
            f"the training views differ in size ({_listed(views)}), and "
            f"{type(experiment.method).__name__} with {type(experiment.encoder).__name__} takes "
            "one: give all of them the same size and channels, or take an encoder of any size"
        ) from error


def check_evaluation(
    experiment: Any, batch: Mapping[str, Any], encode: Callable[[Any, Any], Any], state: Any
) -> None:
    """Checks that the encoder, initialised on the training views, accepts the evaluation input.

    Args:
      experiment: with its views and its evaluation pipeline.
      batch: name -> `jax.ShapeDtypeStruct` [B, ...].
      encode: the function of a state and a preprocessed batch that evaluation uses; only traced.
      state: shapes of the initialised state.

    Raises:
      UserError: naming both sizes.
    """
    x = jax.eval_shape(jax.vmap(lambda example: experiment.preprocess(None, example)), dict(batch))
    try:
        jax.eval_shape(encode, state, x)
    except _SHAPES as error:
        views = _views(experiment, batch)
        same = str(_shape(x)) in {str(_shape(view)) for view in views.values()}
        if same and not isinstance(error, ParamShapeError):
            raise  # not the size then
        reason = f" ({error})" if isinstance(error, UserError) else ""
        raise UserError(
            f"the training views give {type(experiment.encoder).__name__} inputs of "
            f"{_listed(views)} and the evaluation pipeline (preprocess) gives {_shape(x)}, which "
            f"it cannot take{reason}: give both the same size and channels, or take an encoder of "
            "any size"
        ) from error


def _views(experiment: Any, batch: Mapping[str, Any]) -> dict[str, Any]:
    made = jax.eval_shape(experiment.views, jax.random.key(0), dict(batch))
    inputs = [id(view) for view in inputs_of(made)]
    return {name: view for name, view in made.items() if id(view) in inputs}


def _shape(view: Any) -> Any:
    """Sizes of one example: a list, or one for each part of a view."""
    if isinstance(view, Mapping):
        return {name: _shape(part) for name, part in view.items()}
    return list(view.shape[1:])


def _listed(views: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {_shape(view)}" for name, view in views.items())
