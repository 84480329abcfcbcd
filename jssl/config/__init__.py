"""Experiments: their values, overrides, names and the files that users write."""
