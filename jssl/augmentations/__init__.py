"""Augmentations: f(key, x, ...) -> x for one example, on the device, vmapped by `Views`."""

from jssl.core.lazy import front

__getattr__, __dir__, __all__ = front(__name__)
