"""Runs on audio."""
