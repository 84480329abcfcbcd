"""Masked methods: predict the masked part of an input from the visible part."""
