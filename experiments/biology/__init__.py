"""Runs on proteins and DNA."""
