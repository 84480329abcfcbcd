"""Subcommands of the command line, one file each.

Each module defines `add(commands)`, which adds its parser. Heavy imports are deferred until the
command runs.
"""
