"""Tests compile without dear optimisations, but for those marked `optimised`."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

_OPTION = "jax_disable_most_optimizations"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Compiles with all optimisations in tests marked `optimised`, their fixtures included."""
    import jax

    wanted = item.get_closest_marker("optimised") is None
    if jax.config.values[_OPTION] != wanted:
        jax.clear_caches()  # programs of the other kind
        jax.config.update(_OPTION, wanted)
        os.environ[_OPTION.upper()] = str(wanted).lower()  # for processes that the test starts
    return (yield)
