"""What a run leaves for a person to look at: metrics, progress, figures, tables and the page."""
