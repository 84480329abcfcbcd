"""One's own data: what a path holds is recognised, and an experiment is adapted to it."""

from jssl.own.adapt import adapt
from jssl.own.form import Found, OwnOptions
from jssl.own.recognise import recognise

__all__ = ["Found", "OwnOptions", "adapt", "recognise"]
