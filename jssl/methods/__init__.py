"""Methods: one file per method, in one folder per family."""

from jssl.core.lazy import front

__getattr__, __dir__, __all__ = front(__name__)
