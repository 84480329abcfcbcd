"""Encoders: Linen modules from an input [B, ...] to :class:`Features`.

Every encoder is called as ``encoder(x, *, mask=None, keep=None, train)``.
"""

from jssl.core.lazy import front

__getattr__, __dir__, __all__ = front(__name__)
