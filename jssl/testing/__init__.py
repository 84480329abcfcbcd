"""Conformance checks for methods, for this project's tests and for methods of your own.

In a repository of your own, with a method or an experiment of your own:

    from jssl.testing import conformance

    def test_my_method():
        report = conformance(MyMethod())
        assert report.ok, report
"""

from jssl.testing.conformance import CHECKS, Check, Report, conformance
from jssl.testing.runs import compare_meshes, compare_resumed, deviation, small, trajectory

__all__ = [
    "CHECKS",
    "Check",
    "Report",
    "compare_meshes",
    "compare_resumed",
    "conformance",
    "deviation",
    "small",
    "trajectory",
]
