"""Run modules: one file an experiment; its path is its name."""
