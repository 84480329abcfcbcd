"""Augmentations: f(key, x, ...) -> x for one example, on the device, vmapped by `Views`."""

from jssl.augmentations.compose import Pipeline, Views, pipeline, repeat, sometimes, tracked

__all__ = ["Pipeline", "Views", "pipeline", "repeat", "sometimes", "tracked"]
