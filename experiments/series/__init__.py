"""Runs on time series."""
