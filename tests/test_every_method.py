"""What every method owes its users, checked for each one that is there."""

import pytest

from jssl.config import experiment as registry
from jssl.testing import CHECKS, conformance
from jssl.testing.runs import one_experiment_per_method

CASES = one_experiment_per_method()


def test_every_method_has_an_experiment() -> None:
    assert set(CASES) == set(registry.methods())


@pytest.mark.parametrize("method", sorted(CASES))
def test_contract(method: str) -> None:
    """Every method in every run of the suite; nothing is compiled."""
    report = conformance(CASES[method], checks=["contract"])
    assert report.ok, str(report)


@pytest.mark.rotating(shares=9)
@pytest.mark.parametrize("method", sorted(CASES))
def test_conformance(method: str) -> None:
    """Eight devices equal one, resume is exact, streamed equals resident, and all the others."""
    report = conformance(CASES[method])
    assert report.ok, str(report)
    assert {check.name for check in report.checks} == set(CHECKS)
    # These apply to every method: none may be passed over.
    for name in ("contract", "mesh", "resume", "repeatable", "streamed", "one compilation"):
        assert report[name].passed, str(report)
    assert report["gradients reach"].passed, str(report)
