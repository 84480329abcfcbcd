"""What a traced `jax.lax.scan` takes in, in the forms that JAX has given it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def scan_inputs(params: Mapping[str, Any]) -> tuple[int, int]:
    """Number of constants and of carried values among the inputs of a scan.

    Args:
      params: parameters of its equation. JAX up to 0.11 has both numbers there; JAX 0.12 has the
        structure of the inputs.

    Returns:
      The numbers of constants, which come first, and of carried values, which come next.
    """
    if "ft_in" in params:
        fixed, carried, _ = params["ft_in"].unpack()
        return len(list(fixed)), len(list(carried))
    return params["num_consts"], params["num_carry"]
