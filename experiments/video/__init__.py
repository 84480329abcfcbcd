"""Runs on clips."""
