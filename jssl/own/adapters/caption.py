"""An experiment on images with captions is adapted as one on images is."""

from jssl.own.adapters.image import adapt

__all__ = ["adapt"]
