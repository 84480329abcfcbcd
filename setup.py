"""What setup.cfg cannot say: the folder `experiments` is the package `jssl.experiments`."""

from setuptools import find_packages, setup

EXPERIMENTS = find_packages(include=["experiments", "experiments.*"])

setup(
    packages=[*find_packages(include=["jssl", "jssl.*"]), *(f"jssl.{p}" for p in EXPERIMENTS)],
    package_dir={"jssl.experiments": "experiments"},
)
