"""What setup.cfg cannot say: the package `jssl.experiments`, and the text for a package index."""

import re
from pathlib import Path

from setuptools import find_packages, setup


def description() -> str:
    """README.md without links to files of the repository, which an index page cannot follow."""
    text = (Path(__file__).parent / "README.md").read_text(encoding="utf-8")
    return re.sub(r"\[([^]]+)\]\((?!https?:)[^)]*\)", r"\1", text)


if __name__ == "__main__":
    experiments = find_packages(include=["experiments", "experiments.*"])
    setup(
        long_description=description(),
        packages=[*find_packages(include=["jssl", "jssl.*"]), *(f"jssl.{p}" for p in experiments)],
        package_dir={"jssl.experiments": "experiments"},
    )
