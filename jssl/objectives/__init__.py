"""Objectives: pure float32 functions on arrays, free of modules, modalities and devices."""

from jssl.core.lazy import front

__getattr__, __dir__, __all__ = front(__name__)
