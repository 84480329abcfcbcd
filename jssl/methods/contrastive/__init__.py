"""Contrastive methods: each example finds its own other view among the rest."""
