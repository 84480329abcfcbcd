"""Cost of a run on accelerators that need not be available: `jssl plan` and docs/scale.md."""
