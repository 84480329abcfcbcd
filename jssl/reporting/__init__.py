"""Reporting: metrics, progress, figures, tables and the page of a run."""
