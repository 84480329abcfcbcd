"""Runs on images with captions."""
