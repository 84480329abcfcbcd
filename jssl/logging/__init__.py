"""Metrics and progress of a run as it goes."""
