"""Small parts that every room uses: ranges, settings, the state of a run, its progress."""
