"""What a run would cost on machines that are not here: see `jssl plan` and docs/scale.md."""
