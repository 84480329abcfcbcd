"""Objectives called by hand check their numbers as methods do; what is traced is passed over."""

import importlib
import inspect
import math
import pkgutil

import jax
import jax.numpy as jnp
import pytest

import jssl.objectives
from jssl.core import settings, typecheck
from jssl.core.ranges import problem, ranges
from jssl.errors import UserError
from jssl.objectives.contrastive import paired_nce
from jssl.objectives.regression import smooth_l1

NO_SETTING = {"axis"}
WRONG = (math.nan, math.inf, -math.inf, 1e39, -1, -0.5, 0, 1.5, 2)


def numbers() -> list[tuple[str, object, str, object]]:
    """(function, it, argument, annotation) of every number that a public objective takes."""
    found = []
    for module in pkgutil.iter_modules(jssl.objectives.__path__):
        part = importlib.import_module(f"jssl.objectives.{module.name}")
        for name, function in vars(part).items():
            if (
                name.startswith("_")
                or not inspect.isfunction(function)
                or function.__module__ != part.__name__
            ):
                continue
            for argument, hint in typecheck.hints(function).items():
                if argument not in NO_SETTING | {"return"} and settings.counts(hint):
                    found.append((name, function, argument, hint))
    return found


def test_every_number_of_every_objective_is_checked() -> None:
    found = numbers()
    assert len(found) > 35
    assert {"cross_entropy", "koleo", "lejepa", "smooth_l1"} <= {name for name, *_ in found}
    for name, function, argument, hint in found:
        assert ranges(hint), f"declare a range of {argument} in {name}"
        refused = [value for value in WRONG if problem(value, hint)]
        assert len(refused) >= 4  # those that are not finite
        for value in refused:  # the other arguments are not there yet: the check comes first
            with pytest.raises(UserError, match=f"^{argument} of {name} is "):
                function(**{argument: value})


def test_traced_numbers_and_arrays_pass() -> None:
    x = jnp.eye(3)
    value = jax.jit(lambda beta: smooth_l1(x, x + 1.0, beta=beta))(-2.0)
    assert value.shape == (3,)
    scale = jax.grad(lambda scale: paired_nce(x, x, scale=scale).mean())(jnp.float32(2.0))
    assert jnp.isfinite(scale)
    with pytest.raises(UserError, match="scale of paired_nce is -1"):
        paired_nce(x, x, scale=jnp.float32(-1.0))
    assert smooth_l1.__doc__ and "beta" in inspect.signature(smooth_l1).parameters
