"""Families of public weights, by name."""

from __future__ import annotations

from collections.abc import Mapping

from jssl.weights.families import regnets, resnets, sounds, texts, vits
from jssl.weights.family import Family

_ALL = (
    *resnets.FAMILIES,
    *regnets.FAMILIES,
    *vits.FAMILIES,
    *texts.FAMILIES,
    *sounds.FAMILIES,
)

FAMILIES: Mapping[str, Family] = {family.name: family for family in _ALL}
"""All families that `--as` takes."""
