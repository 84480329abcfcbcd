"""Public weights: reading them, the names of their parameters, and folders of weights."""

from __future__ import annotations

from jssl.weights.folder import is_weights, load, read_weights, save_weights
from jssl.weights.importing import Weights, import_weights

__all__ = ["Weights", "import_weights", "is_weights", "load", "read_weights", "save_weights"]
