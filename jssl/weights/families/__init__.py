"""Families of public weights, by name."""

from __future__ import annotations

from collections.abc import Mapping

from jssl.weights.families import resnets
from jssl.weights.family import Family

FAMILIES: Mapping[str, Family] = {family.name: family for family in (*resnets.FAMILIES,)}
"""All families that `--as` takes."""
