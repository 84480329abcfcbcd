"""Pretext tasks: labels that come from the data itself."""
