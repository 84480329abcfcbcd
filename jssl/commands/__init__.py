"""Commands of the command line that are too large for `jssl/cli.py`, one file each.

A module has `add(commands)`, which adds its parser; what it runs is imported when it runs.
"""
