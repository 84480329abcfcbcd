"""Contrastive methods: identify the other view of an example among those of other examples."""
