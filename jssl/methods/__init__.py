"""Methods: one file per method, in one folder per family."""
