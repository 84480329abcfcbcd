"""Runs on graphs."""
