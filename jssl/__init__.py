"""Self-supervised learning in JAX.

A source gives a batch, augmentations make views of it, an encoder turns views into features, an
objective turns features into a loss, a method wires those together and keeps what it must
remember, one train step compiles and shards it, and evaluation says what the features are worth.
"""

__version__ = "0.1.0"
