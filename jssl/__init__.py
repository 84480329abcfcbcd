"""Self-supervised learning in JAX.

A source gives a batch, augmentations make views of it, an encoder turns views into features, an
objective turns features into a loss, a method wires those together and keeps its state, one train
step compiles and shards it, and evaluation measures the features.
"""

__version__ = "0.2.0"

import os as _os

# In a checkout the experiments lie beside this folder; in a wheel they lie in it. Either way they
# are the package `jssl.experiments`, which no folder of a user's can be taken for.
_ROOT = _os.path.dirname(_os.path.dirname(_os.path.abspath(__file__)))
if not _os.path.isdir(_os.path.join(__path__[0], "experiments")):
    __path__.append(_ROOT)

from jssl.core.lazy import front as _names  # noqa: E402
from jssl.core.moved import install as _install  # noqa: E402

_install()

__getattr__, __dir__, __all__ = _names(__name__)
