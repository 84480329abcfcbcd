"""Masked methods: predict what was hidden from what is left."""
